from storage.commit_queue import CommitQueue
from storage.work import Work

__all__ = ["CommitQueue", "Work"]
