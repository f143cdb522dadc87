"""XMP packets: parse without trusting, change single properties, keep everything else.

ISO 16684-1. The tree is edited with minidom, which keeps the prefixes and the order that writers chose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.dom import minidom
from xml.parsers.expat import ExpatError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
XMP_NOTE = "http://ns.adobe.com/xmp/note/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
_X = "adobe:ns:meta/"
_XMLNS = "http://www.w3.org/2000/xmlns/"
_LARGEST = 64 * 2**20

_EMPTY = f'<x:xmpmeta xmlns:x="{_X}"><rdf:RDF xmlns:rdf="{RDF}"/></x:xmpmeta>'
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_TAIL = '<?xpacket end="w"?>'
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 allows nowhere, not even escaped."""


class XmpError(ValueError):
    """The bytes are no XMP packet that can be trusted."""


class Packet:
    """One XMP packet, open for changes."""

    def __init__(self, data: bytes | None = None) -> None:
        """Parse `data`, or start an empty packet. Raises XmpError.

        Document types are refused: XMP has none, and entities that expand without end are declared there.
        """
        source = _EMPTY if data is None else _decode(data)
        if len(source) > _LARGEST:
            raise XmpError(f"{len(source)} characters")
        if "<!DOCTYPE" in source or "<!ENTITY" in source:
            raise XmpError("it declares a document type")
        try:
            self._document = minidom.parseString(source.encode("utf-8"))
        except (ExpatError, RecursionError, UnicodeEncodeError) as error:
            raise XmpError(f"it is no XML ({error})") from error
        found = self._document.getElementsByTagNameNS(RDF, "RDF")
        if not found:
            raise XmpError("it has no rdf:RDF")
        self._rdf = found[0]

    def __bytes__(self) -> bytes:
        """The packet in UTF-8, wrapped for embedding. Raises XmpError for a tree too deep to write."""
        try:
            body = "".join(node.toxml() for node in self._document.childNodes if not _is_wrapper(node))
        except RecursionError as error:
            raise XmpError("it is nested too deeply") from error
        return f"{_HEAD}\n{body}\n{_TAIL}".encode()

    def get(self, space: str, name: str) -> str | None:
        """The text of a simple property, or None."""
        for description in self._descriptions():
            if description.hasAttributeNS(space, name):
                return description.getAttributeNS(space, name)
            for child in _children(description, space, name):
                return "".join(node.data for node in child.childNodes if isinstance(node, minidom.Text)).strip()
        return None

    def remove(self, space: str, name: str) -> bool:
        """Take a property out wherever it stands. True where there was one."""
        found = False
        for description in self._descriptions():
            if description.hasAttributeNS(space, name):
                description.removeAttributeNS(space, name)
                found = True
            for child in list(_children(description, space, name)):
                description.removeChild(child)
                child.unlink()
                found = True
        return found

    def replace(self, space: str, name: str, value: str) -> bool:
        """Give a simple property another text where it stands. False where there is none."""
        found = False
        for description in self._descriptions():
            if description.hasAttributeNS(space, name):
                prefix = description.getAttributeNodeNS(space, name).prefix  # pyright: ignore[reportOptionalMemberAccess]
                description.setAttributeNS(space, f"{prefix}:{name}", clean(value))
                found = True
            for child in _children(description, space, name):
                while child.firstChild:
                    child.removeChild(child.firstChild)
                child.appendChild(self._document.createTextNode(clean(value)))
                found = True
        return found

    def set(self, prefix: str, space: str, name: str, value: str) -> None:
        """Set a simple property in the first description, in place of what it was."""
        self.remove(space, name)
        element = self._document.createElementNS(space, f"{prefix}:{name}")
        element.setAttributeNS(_XMLNS, f"xmlns:{prefix}", space)
        element.appendChild(self._document.createTextNode(clean(value)))
        self._first().appendChild(element)

    def append_event(self, **fields: str) -> None:
        """Add an event to xmpMM:History, the record of what was done to a file. Fields are of the type stEvt."""
        sequences = [
            sequence
            for description in self._descriptions()
            for history in _children(description, XMP_MM, "History")
            for sequence in _children(history, RDF, "Seq")
        ]
        if sequences:
            sequence = sequences[0]
        else:
            self.remove(XMP_MM, "History")
            history = self._document.createElementNS(XMP_MM, "xmpMM:History")
            history.setAttributeNS(_XMLNS, "xmlns:xmpMM", XMP_MM)
            sequence = history.appendChild(self._rdf_element("Seq"))
            self._first().appendChild(history)
        item = self._rdf_element("li")
        item.setAttributeNS(RDF, f"{self._rdf_prefix()}:parseType", "Resource")
        space = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
        item.setAttributeNS(_XMLNS, "xmlns:stEvt", space)
        for name, value in fields.items():
            element = self._document.createElementNS(space, f"stEvt:{name}")
            element.appendChild(self._document.createTextNode(clean(value)))
            item.appendChild(element)
        sequence.appendChild(item)

    def absorb(self, other: Packet) -> None:
        """Move every description of `other` into this packet: the extended part of a JPEG's XMP belongs to the rest."""
        for description in other._descriptions():
            self._rdf.appendChild(self._document.importNode(description, deep=True))

    def _descriptions(self) -> Iterator[minidom.Element]:
        return _children(self._rdf, RDF, "Description")

    def _first(self) -> minidom.Element:
        for description in self._descriptions():
            return description
        element = self._rdf_element("Description")
        element.setAttributeNS(RDF, f"{self._rdf_prefix()}:about", "")
        return self._rdf.appendChild(element)

    def _rdf_prefix(self) -> str:
        return self._rdf.prefix or "rdf"

    def _rdf_element(self, name: str) -> minidom.Element:
        element = self._document.createElementNS(RDF, f"{self._rdf_prefix()}:{name}")
        if not self._rdf.prefix:  # rdf is the default namespace of this packet, and new names need a prefix
            element.setAttributeNS(_XMLNS, "xmlns:rdf", RDF)
        return element


def clean(value: str) -> str:
    """`value` without the characters that XML cannot hold."""
    return _FORBIDDEN.sub("", value)


def _children(parent: minidom.Element, space: str, name: str) -> Iterator[minidom.Element]:
    for node in parent.childNodes:
        if isinstance(node, minidom.Element) and node.namespaceURI == space and node.localName == name:
            yield node


def _is_wrapper(node: object) -> bool:
    return isinstance(node, minidom.ProcessingInstruction) and node.target == "xpacket"


def _decode(data: bytes) -> str:
    """XMP may be in UTF-8, 16 or 32 (ISO 16684-1, 7.1); the byte order mark or the first "<" tells which."""
    for start, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
        (b"<\0\0\0", "utf-32-le"),
        (b"\0\0\0<", "utf-32-be"),
        (b"<\0", "utf-16-le"),
        (b"\0<", "utf-16-be"),
        (b"", "utf-8"),
    ):
        if data.startswith(start):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError as error:
                raise XmpError(f"it is no {encoding}") from error
            return re.sub(r"^\s*<\?xml[^>]*\?>", "", text.strip("\0\ufeff \t\r\n"))
    raise AssertionError("the empty start matches everything")
