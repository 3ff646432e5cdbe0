"""A kernel as machine code in a file, for processes that call one kernel only: numba would be too large for them.

numba takes 60 MB and 0.6 s to load a kernel. What it makes of one that works on numbers and addresses alone needs
nothing of it any more, and llvmlite by itself loads that in 30 ms and 3 MB.

    keep(kernel)            # in a process of its own: see keeping_program
    call = load(kernel)     # None where it was not kept
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, cast

from services.kernels.compiled import FOLDER, Compiled, digest_of, knowing, version_of

_DIGEST_BYTES = 32
_OPTIMISATION = 3
_CODE_MODEL = "jitdefault"
_NAMES = "cttz ctlz ctpop abs smin smax umin umax uadd fshl lifetime masked vector memset memcpy"
_INSTRUCTIONS = ("llvm.assume", *(f"llvm.{name}." for name in _NAMES.split()))
"""What looks like a function and becomes instructions, or is in every process; others may become calls of libraries."""


def keep(kernel: Compiled[..., int]) -> None:
    """Compile a kernel and keep it for `load`. It takes int64 only, gives one, and never raises.

    Raises OSError where it cannot be kept, and TypeError where it needs more than itself.
    """
    import llvmlite.binding as llvm

    name, assembly = _assembly(kernel)
    module = llvm.parse_assembly(assembly)
    needed = [f.name for f in module.functions if f.is_declaration and not f.name.startswith(_INSTRUCTIONS)]
    if needed:
        raise TypeError(f"{kernel.function.__name__} needs {', '.join(needed)}")
    content = name.encode() + b"\0" + _machine().emit_object(module)
    path = _file(kernel)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(hashlib.sha256(content).digest() + content)
            file.flush()
            os.replace(file.name, path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise


def load(kernel: Compiled[..., int]) -> Callable[..., int] | None:
    """The kernel as `keep` has left it; None where it has not, for this source and this processor, or where the file is
    of somebody who may not say what this process does."""
    try:
        with _file(kernel).open("rb") as file:
            if not _is_trusted(os.fstat(file.fileno())):
                return None
            kept = file.read()
    except OSError:
        return None
    digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        return None
    name, _, code = content.partition(b"\0")
    return _Loaded(name.decode(), code, kernel.signatures[0].count("int64") - 1)


def keeping_program(kernel: Compiled[..., int]) -> list[str]:
    """The command line of a process that keeps a kernel."""
    module, name = kernel.function.__module__, kernel.function.__name__
    program = f"from services.kernels.machine_code import keep; from {module} import {name}; keep({name})"
    return [sys.executable, "-P", "-c", program]


class _Loaded:
    """Calls it. Holds the engine that its code belongs to."""

    def __init__(self, name: str, code: bytes, arguments: int) -> None:
        import llvmlite.binding as llvm

        machine = _machine()
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        # as numba has functions: a status, what is given behind a pointer, and what would have been raised
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int32, ctypes.POINTER(ctypes.c_int64), ctypes.c_void_p, *[ctypes.c_int64] * arguments
        )
        self._call = kind(self._engine.get_function_address(name))

    def __call__(self, *arguments: int) -> int:
        given = ctypes.c_int64()
        if self._call(ctypes.byref(given), None, *arguments):
            raise RuntimeError("a kernel has failed")
        return given.value


def _assembly(kernel: Compiled[..., int]) -> tuple[str, str]:
    """The name of the function, and the module in LLVM's language that it is in."""
    from numba.core import compiler as numba_compiler
    from numba.core import registry, sigutils

    compiler: Any = numba_compiler
    flags = compiler.Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    (signature,) = kernel.signatures
    target: Any = registry.cpu_target
    arguments, gives = cast(Any, sigutils).normalize_signature(signature)
    function = knowing(cast(FunctionType, kernel.function))
    made = compiler.compile_extra(target.typing_context, target.target_context, function, arguments, gives, flags, {})
    return made.fndesc.llvm_func_name, made.library.get_llvm_str()


def _machine() -> Any:
    """What compiles for this processor."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=_OPTIMISATION,
        jit=True,
        codemodel=_CODE_MODEL,
    )


def _is_trusted(file: os.stat_result) -> bool:
    """Whether nobody has written it or can write it but root and who this process is."""
    return file.st_uid in (0, os.geteuid()) and not file.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _file(kernel: Compiled[..., int]) -> Path:
    """Another one for each source, processor and version of llvmlite; where numba keeps what it compiles."""
    import llvmlite
    import llvmlite.binding as llvm

    function = cast(FunctionType, kernel.function)
    what = [digest_of(function.__code__.co_filename), digest_of(__file__), version_of(function).encode()]
    what += [s.encode() for s in (llvmlite.__version__, llvm.get_host_cpu_name())]
    what.append(llvm.get_host_cpu_features().flatten().encode())
    kept_in = os.environ.get(FOLDER)
    folder = Path(kept_in) if kept_in else Path(function.__code__.co_filename).parent / "__pycache__"
    return folder / f"{function.__name__}-{hashlib.sha256(b' '.join(what)).hexdigest()[:16]}.code"
