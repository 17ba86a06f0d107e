"""XML read so that it can do no harm: no entities, no DTD, no network, bounded size and depth."""

from lxml import etree

from bpmn.errors import N_, Invalid

MAX_BYTES = 5 * 1024 * 1024


def parse(content: bytes, file: str = "") -> etree._Element:
    """Return the root of `content`, which is a person's upload.

    A document type declaration is refused as such, since entities (billion laughs, local files) need one.
    Raises Invalid with file and line.
    """
    if len(content) > MAX_BYTES:
        raise Invalid(N_("Dokumen terlalu besar: %(size)d bita, paling banyak %(most)d"), file=file, size=len(content), most=MAX_BYTES)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
                             huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise Invalid(N_("Bukan XML yang benar: %(problem)s"), file=file, line=error.lineno or 0, problem=error.msg) from error
    except ValueError as error:  # a declared encoding that Python does not know
        raise Invalid(N_("Bukan XML yang benar: %(problem)s"), file=file, problem=str(error)) from error
    if root.getroottree().docinfo.doctype:
        raise Invalid(N_("XML dengan DOCTYPE tidak diterima"), file=file, line=1)
    return root


def local(element) -> str:
    """Return the tag without its namespace: 'userTask'."""
    return etree.QName(element).localname
