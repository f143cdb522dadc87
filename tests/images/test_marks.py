"""The mark that a machine coloured the picture."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image
from planted import MAKER_NOTE, WRITABLE, XMP, encoded, exif, grey, photo, rgb

from retint import __version__
from retint.images import DIGITAL_SOURCE_TYPE, MachineMark, read_photo, write_photo
from retint.images.marks import mark_metadata
from retint.images.photograph import Metadata

MARK = MachineMark("lite", "2026.1")
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
XAP = "{http://ns.adobe.com/xap/1.0/}"
EVT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"


def properties(xmp: bytes) -> dict[str, str]:
    """Simple properties of a packet by another parser than retint's own."""
    root = ElementTree.fromstring(xmp.decode().replace("\ufeff", ""))
    found: dict[str, str] = {}
    for description in root.iter(f"{RDF}Description"):
        found |= description.attrib
        found |= {child.tag: child.text or "" for child in description}
    return found


@pytest.mark.parametrize("format", WRITABLE)
@pytest.mark.parametrize("with_metadata", [False, True])
def test_every_format_says_so(format: str, with_metadata: bool):
    if format == "HEIF":
        pytest.importorskip("pillow_heif")
    before = {"exif": exif(), "xmp": XMP} if with_metadata else {}
    out = io.BytesIO()
    write_photo(photo(rgb(), **before), out, format=format, mark=MARK)
    metadata = read_photo(out.getvalue()).metadata
    assert metadata.xmp is not None
    said = properties(metadata.xmp)
    assert said[f"{EXT}DigitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert said[f"{EXT}DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert said[f"{EXT}AISystemUsed"] == "retint lite"
    assert said[f"{EXT}AISystemVersionUsed"] == "2026.1"
    assert said[f"{XAP}CreatorTool"] == f"retint {__version__}"
    tags = Image.Exif()
    tags.load(metadata.exif)
    assert tags[305] == f"retint {__version__}"
    if with_metadata:
        assert said[f"{XAP}Rating"] == "4"
        assert "Großmutter &amp; Kuh".encode() in metadata.xmp
        assert tags[270] == "Anna with the cow"
        assert tags.get_ifd(34665)[0x927C] == MAKER_NOTE


def test_maker_note_does_not_move():
    metadata = mark_metadata(Metadata(exif=exif(">")), MARK)
    assert metadata.exif is not None
    assert metadata.exif.index(MAKER_NOTE) == exif(">").index(MAKER_NOTE)


def test_what_was_said_before_goes_into_the_history():
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<r:Description r:about="uuid:1" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        b' e:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm"/>'
        b'<r:Description r:about="uuid:1" xmlns:x2="http://ns.adobe.com/xap/1.0/"><x2:CreatorTool>VueScan</x2:CreatorTool>'
        b'</r:Description><r:Description r:about="uuid:1" xmlns:mm="http://ns.adobe.com/xap/1.0/mm/"'
        b' xmlns:ev="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"><mm:History><r:Seq>'
        b'<r:li ev:action="created"/></r:Seq></mm:History></r:Description></r:RDF></x:xmpmeta>'
    )
    marked = mark_metadata(Metadata(xmp=xmp), MARK).xmp
    assert marked is not None
    said = properties(marked)
    assert said[f"{EXT}DigitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert marked.count(b"</Iptc4xmpExt:DigitalSourceType>") == 1
    assert b"e:DigitalSourceType=" not in marked
    root = ElementTree.fromstring(marked.decode().replace("\ufeff", ""))
    events = list(root.iter(f"{RDF}li"))
    assert [event.get(f"{EVT}action") or event.findtext(f"{EVT}action") for event in events] == ["created", "edited"]
    assert events[1].findtext(f"{EVT}softwareAgent") == f"retint {__version__}"
    was = events[1].findtext(f"{EVT}parameters") or ""
    assert "colours made by model lite 2026.1" in was
    assert "DigitalSourceType was http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm" in was
    assert "CreatorTool was VueScan" in was
    assert {item.get(f"{RDF}about") for item in root.iter(f"{RDF}Description")} == {"uuid:1"}


def test_marking_twice_says_it_once_and_another_model_adds_an_event():
    once = mark_metadata(Metadata(xmp=XMP, exif=exif()), MARK)
    again = mark_metadata(once, MARK)
    assert again.exif == once.exif
    assert again.xmp is not None and once.xmp is not None
    assert properties(again.xmp) == properties(once.xmp)
    assert again.xmp.count(b"edited") == 1
    other = mark_metadata(once, MachineMark("artistic", "1")).xmp
    assert other is not None
    assert other.count(b"edited") == 2
    assert b"AISystemUsed was retint lite" in other


def test_rdf_as_default_namespace():
    xmp = b'<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    marked = mark_metadata(Metadata(xmp=xmp), MARK).xmp
    assert marked is not None
    assert properties(marked)[f"{EXT}AISystemUsed"] == "retint lite"


def test_strange_model_names_cannot_break_the_packet():
    marked = mark_metadata(Metadata(), MachineMark("</x>&\x00\x0b\ud800\"'<!DOCTYPE a>", "1")).xmp
    assert marked is not None
    assert properties(marked)[f"{EXT}AISystemUsed"] == "retint </x>&\"'<!DOCTYPE a>"


def test_same_input_gives_the_same_file():
    assert encoded(grey(), "JPEG", mark=MARK) == encoded(grey(), "JPEG", mark=MARK)
    assert encoded(grey(), "TIFF", mark=MARK) == encoded(grey(), "TIFF", mark=MARK)


def test_png_software_text_is_replaced():
    read = read_photo(encoded(grey(), "PNG", text=(("Software", "Paint"), ("Author", "Anna")), mark=MARK))
    assert read.metadata.text == (("Software", f"retint {__version__}"), ("Author", "Anna"))


def test_no_mark_without_asking():
    read = read_photo(encoded(grey(), "PNG"))
    assert read.metadata.xmp is None
    assert read.metadata.exif is None
