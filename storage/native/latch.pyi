from storage.latch import Latch as Latch
