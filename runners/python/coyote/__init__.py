"""rbit under the name it once had; the classes are the same."""

from rbit import Blocked, Cancelled, Failed

__all__ = ["Blocked", "Cancelled", "Failed"]
