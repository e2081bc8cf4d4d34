"""An attribute read and written as compiled code does it, for whoever has no compiler at hand: tests."""


cdef class SlotAccess:
    """One Slot, and what it has met."""

    cdef Slot slot

    def __cinit__(self, str name not None):
        self.slot = slot_named(name)

    def read(self, instance):
        """getattr."""
        return read_slot(instance, &self.slot)

    def write(self, instance, value):
        """setattr."""
        write_slot(instance, &self.slot, value)
