"""What each client cannot tell apart, and nothing more. docs/interop.md has the reasons, with the place in the client's source.

A fold takes the client's property and our JSON value and says whether they are equal as far as the client can tell.
"""

import datetime
import re

from impacket.dcerpc.v5.dcom.wmi import CIM_ARRAY_FLAG, CIM_TYPE_ENUM, Inherited

SIZES = {16: 1, 17: 1, 2: 2, 18: 2, 103: 2, 3: 4, 19: 4, 20: 8, 21: 8, 11: 2}
SIGNED = {16, 2, 3, 20}
BOOLEAN, REAL32, REAL64, STRING, DATETIME, REFERENCE = 11, 4, 5, 8, 101, 102


def impacket_equal(prop, ours):
    """impacket's getProperties()[name], and our value."""
    theirs, kind = prop["value"], prop["type"] & ~(CIM_ARRAY_FLAG | Inherited)
    array = bool(prop["type"] & CIM_ARRAY_FLAG)
    if ours is None:
        # An inherited NULL keeps the value that the class part shows: its slot there is all ones, and a number of that
        # many ones is printed, as text. Everything else that is NULL is None.
        if theirs is None or not prop["inherited"]:
            return theirs is None
        if kind == BOOLEAN and not array:
            return theirs == "True"
        return not array and kind in SIZES and kind not in SIGNED and theirs == str(2 ** (8 * SIZES[kind]) - 1)
    if array:
        # Elements of references and datetimes are shown as offsets in the heap.
        return len(theirs) == len(ours) if kind in (DATETIME, REFERENCE) else list(theirs) == [element(kind, v) for v in ours]
    return theirs == element(kind, ours)


def element(kind, ours):
    if kind == BOOLEAN:
        return "True" if ours else "False"
    if kind == 103:
        return ord(ours)
    return ours


def aiowmi_equal(prop, ours):
    """aiowmi's PropertyInfo, and our value."""
    theirs = prop.value
    inherited_strings = prop.type & 0x6000 == 0x6000 and prop.type & 0xFFF == STRING
    if isinstance(ours, list) and ours:
        if prop.type & 0xFFF in (DATETIME, REFERENCE) or inherited_strings:
            # Shown as offsets in the heap.
            return len(theirs) == len(ours) and all(isinstance(v, int) for v in theirs)
        return list(theirs) == ours
    # NULL, 0, "", false and the empty array are one; so is a 32-bit number of all ones, taken for a missing value. Where the
    # class part says that its default is inherited, all of them show the all ones of its slot.
    if not ours or ours == 0xFFFFFFFF:
        return not theirs or prop.type & Inherited and theirs in ones(prop.type & 0xFFF)
    if isinstance(theirs, datetime.datetime):
        return theirs == instant(ours)
    if isinstance(theirs, datetime.timedelta):
        return theirs == span(ours)
    if isinstance(ours, str) and any(ord(c) > 0xFF for c in ours):
        # Text beyond Latin-1 is looked for from the start of the heap, and so mostly lost.
        return isinstance(theirs, str)
    return theirs == ours


def ones(kind):
    """What a slot of all ones is as a value of a type; a slot of 32 unsigned bits is taken for a missing value instead."""
    if kind == BOOLEAN:
        return (True,)
    if kind in SIGNED:
        return (-1,)
    return (2 ** (8 * SIZES[kind]) - 1,) if kind in SIZES else ()


def instant(text):
    """A CIM datetime as Python's."""
    m = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{6})([+-]\d{3})", text)
    *fields, offset = (int(g) for g in m.groups())
    return datetime.datetime(*fields, tzinfo=datetime.timezone(datetime.timedelta(minutes=offset)))


def span(text):
    """A CIM interval as Python's."""
    m = re.fullmatch(r"(\d{8})(\d\d)(\d\d)(\d\d)\.(\d{6}):000", text)
    days, hours, minutes, seconds, micros = (int(g) for g in m.groups())
    return datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)


assert {CIM_TYPE_ENUM.CIM_TYPE_STRING.value, CIM_TYPE_ENUM.CIM_TYPE_BOOLEAN.value} == {STRING, BOOLEAN}
