"""The supervised name server: started or adopted, watched, asked to end, and ended.

`DaemonProcess` implements `anycast_wrapper.ports.Daemon`. `default_check` and `run_check` ask a
name server's own checker about a configuration before it is relied on.
"""

from .check import default_check, default_notify, run_check
from .process import DaemonProcess

__all__ = ["DaemonProcess", "default_check", "default_notify", "run_check"]
