"""rbit under the name it once had; classes and functions are the same."""

from rbit import (Blocked, Cancelled, Failed, artifact, metric, progress, publish, result,
                  set_status)

__all__ = ["Blocked", "Cancelled", "Failed", "artifact", "metric", "progress", "publish", "result",
           "set_status"]
