"""How shells complete `tickbus`: click's own ways, for flags with one dash too, and for words with colons in bash."""

from __future__ import annotations

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

# click's own takes the words as bash has cut them, at colons too, and would not complete the id of a topic, nor
# anything behind a URL. Here they are put together again; of what is found bash then wants what is behind the colon.
_BASH = r"""%(complete_func)s() {
    local IFS=$'\n' rest=$COMP_LINE behind= words=() word found kind value i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $i == 0 || $rest == [[:blank:]]* ]]; then
            words+=("$word")
        else
            words[-1]+=$word
        fi
        rest=${rest#*"$word"}
    done
    word=${words[-1]}
    if [[ $COMP_WORDBREAKS == *:* && $word == *:* && $word != [\"\']* ]]; then
        behind=${word%%:*}:
    fi
    found=$(COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) %(complete_var)s=bash_complete "$1")
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$behind"}") ;;
        esac
    done <<< "$found"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


def register() -> None:
    """Have click complete in these ways."""
    for shell in (_Bash, _Zsh, _Fish):
        add_completion_class(shell)


class _GoFlags(ShellComplete):
    """Takes `-tick` for `--tick`."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        typed = _with_two_dashes(incomplete) if len(incomplete) > 1 else incomplete
        return super().get_completions([_with_two_dashes(one) if len(one) > 2 else one for one in args], typed)


class _Bash(_GoFlags, BashComplete):
    source_template = _BASH


class _Zsh(_GoFlags, ZshComplete):
    pass


class _Fish(_GoFlags, FishComplete):
    pass


def _with_two_dashes(word: str) -> str:
    """A word, a flag in click's form; a time such as -1h is none."""
    return f"-{word}" if word[0] == "-" and word[1].isalpha() else word
