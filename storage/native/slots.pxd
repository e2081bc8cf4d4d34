"""Slots of Python's objects, read and written by compiled code without a look-up: the interpreter's own inline caches.

A Slot has the name of an attribute, and where objects of the two classes it has met last keep it. Classes are known by
their version, which the interpreter changes when a class is changed. Attributes of compiled classes are got by their function;
everything else goes the usual way.

Rule 1: where a descriptor says that a slot is, it is so in objects of the class that the descriptor was made for, and of
        those derived from it. Any class may have it as an attribute.
Rule 2: a class that has its own way of getting attributes is never remembered, nor written to if it has one of setting them.
"""

cdef extern from *:
    """
    #include <structmember.h>

    typedef struct {
        unsigned int version;  /* of the class that has it at the offset, or by the functions */
        Py_ssize_t offset;
        PyGetSetDef *functions;
    } Place;

    typedef struct {
        PyObject *name;
        Place last, before;
    } Slot;

    #define NO_VERSION 0xFFFFFFFFu

    static Slot slot_named(PyObject *name)
    {
        Slot made = {name, {NO_VERSION, 0, NULL}, {NO_VERSION, 0, NULL}};
        Py_INCREF(name);
        PyUnicode_InternInPlace(&made.name);
        return made;
    }

    static void find_slot(PyTypeObject *type, Slot *slot)
    {
        PyObject *found = _PyType_Lookup(type, slot->name);
        Place place = {type->tp_version_tag, 0, NULL};
        PyMemberDef *member;
        if (found == NULL || !type->tp_version_tag)
            return;
        if (!Py_IS_TYPE(found, &PyGetSetDescr_Type) && !Py_IS_TYPE(found, &PyMemberDescr_Type))
            return;
        if (!PyType_IsSubtype(type, PyDescr_TYPE(found)))
            return;
        if (Py_IS_TYPE(found, &PyGetSetDescr_Type)) {
            if (((PyGetSetDescrObject *)found)->d_getset->get == NULL)
                return;
            place.functions = ((PyGetSetDescrObject *)found)->d_getset;
        } else {
            member = ((PyMemberDescrObject *)found)->d_member;
            if (member->type != T_OBJECT_EX || (member->flags & READONLY))
                return;
            place.offset = member->offset;
        }
        slot->before = slot->last;
        slot->last = place;
    }

    static inline Place *place_of(PyTypeObject *type, Slot *slot)
    {
        if (type->tp_version_tag == slot->last.version)
            return &slot->last;
        return type->tp_version_tag == slot->before.version ? &slot->before : NULL;
    }

    static PyObject *read_slot(PyObject *object, Slot *slot)
    {
        PyTypeObject *type = Py_TYPE(object);
        Place *place = place_of(type, slot);
        PyObject *value;
        if (place != NULL) {
            if (place->functions != NULL)
                return place->functions->get(object, place->functions->closure);
            value = *(PyObject **)((char *)object + place->offset);
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
        Place *place = place_of(type, slot);
        PyObject **there, *before;
        if (place != NULL && type->tp_setattro == PyObject_GenericSetAttr && place->functions == NULL) {
            there = (PyObject **)((char *)object + place->offset);
            before = *there;
            Py_INCREF(value);
            *there = value;
            Py_XDECREF(before);
            return 0;
        }
        if (place == NULL && type->tp_getattro == PyObject_GenericGetAttr
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
