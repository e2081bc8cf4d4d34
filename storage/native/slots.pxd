"""Slots of Python's objects, read and written by compiled code without a look-up: the interpreter's own inline caches.

A Slot has the name of an attribute, and where objects of the class it has met last keep it. Classes are known by their
version, which the interpreter changes when a class is changed. Attributes of compiled classes are got by their function;
everything else goes the usual way.

Rule 1: where a descriptor says that a slot is, it is so in objects of the class that the descriptor was made for, and of
        those derived from it. Any class may have it as an attribute.
Rule 2: a class that has its own way of getting attributes is never remembered, nor written to if it has one of setting them.
"""

cdef extern from *:
    """
    #include <structmember.h>

    typedef struct {
        PyObject *name;
        unsigned int version;  /* of the class that has it at the offset, or by the functions */
        Py_ssize_t offset;
        PyGetSetDef *functions;
    } Slot;

    #define NO_VERSION 0xFFFFFFFFu

    static Slot slot_named(PyObject *name)
    {
        Slot made = {name, NO_VERSION, 0, NULL};
        Py_INCREF(name);
        PyUnicode_InternInPlace(&made.name);
        return made;
    }

    static void find_slot(PyTypeObject *type, Slot *slot)
    {
        PyObject *found = _PyType_Lookup(type, slot->name);
        PyMemberDef *member;
        slot->version = NO_VERSION;
        slot->functions = NULL;
        if (found == NULL || !type->tp_version_tag)
            return;
        if (!Py_IS_TYPE(found, &PyGetSetDescr_Type) && !Py_IS_TYPE(found, &PyMemberDescr_Type))
            return;
        if (!PyType_IsSubtype(type, PyDescr_TYPE(found)))
            return;
        if (Py_IS_TYPE(found, &PyGetSetDescr_Type)) {
            if (((PyGetSetDescrObject *)found)->d_getset->get == NULL)
                return;
            slot->functions = ((PyGetSetDescrObject *)found)->d_getset;
            slot->version = type->tp_version_tag;
            return;
        }
        member = ((PyMemberDescrObject *)found)->d_member;
        if (member->type != T_OBJECT_EX || (member->flags & READONLY))
            return;
        slot->offset = member->offset;
        slot->version = type->tp_version_tag;
    }

    static PyObject *read_slot(PyObject *object, Slot *slot)
    {
        PyTypeObject *type = Py_TYPE(object);
        PyObject *value;
        if (type->tp_version_tag == slot->version) {
            if (slot->functions != NULL)
                return slot->functions->get(object, slot->functions->closure);
            value = *(PyObject **)((char *)object + slot->offset);
            if (value != NULL) {
                Py_INCREF(value);
                return value;
            }
        } else if (type->tp_getattro == PyObject_GenericGetAttr)
            find_slot(type, slot);
        return PyObject_GetAttr(object, slot->name);
    }

    static int write_slot(PyObject *object, Slot *slot, PyObject *value)
    {
        PyTypeObject *type = Py_TYPE(object);
        PyObject **place, *before;
        if (type->tp_version_tag == slot->version && type->tp_setattro == PyObject_GenericSetAttr && slot->functions == NULL) {
            place = (PyObject **)((char *)object + slot->offset);
            before = *place;
            Py_INCREF(value);
            *place = value;
            Py_XDECREF(before);
            return 0;
        }
        if (type->tp_version_tag != slot->version && type->tp_getattro == PyObject_GenericGetAttr
            && type->tp_setattro == PyObject_GenericSetAttr)
            find_slot(type, slot);
        return PyObject_SetAttr(object, slot->name, value);
    }
    """
    ctypedef struct Slot:
        pass

    Slot slot_named(str name)
    object read_slot(object instance, Slot *slot)
    int write_slot(object instance, Slot *slot, object value) except -1
