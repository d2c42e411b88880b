"""The one eraser: by plan, suppress, erase, reclaim the bytes, verify, receipt. Nothing else removes a memory."""

from agentmem.unlearning.afterwards import Host
from agentmem.unlearning.eraser import Eraser
from agentmem.unlearning.facade import Answers, Forgetting, Request

__all__ = ["Answers", "Eraser", "Forgetting", "Host", "Request"]
