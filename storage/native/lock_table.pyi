from storage.lock_table import Held as Held
from storage.lock_table import Lock as Lock
from storage.lock_table import LockTable as LockTable
