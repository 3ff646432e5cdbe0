from tests.support.logs import logged, restored_log
from tests.support.nats import nats_server

__all__ = ["logged", "nats_server", "restored_log"]
