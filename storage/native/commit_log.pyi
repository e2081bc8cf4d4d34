from storage.commit_log import CommitLog as CommitLog
from storage.commit_log import Snapshot as Snapshot
