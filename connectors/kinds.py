"""The kinds of information (jenis) that the SOP names in step 4, as visitors read them."""

KINDS = {
    "pengumuman": "Pengumuman",
    "berita": "Berita",
    "peraturan": "Peraturan",
    "surat-edaran": "Surat Edaran",
    "laporan-keuangan": "Laporan Keuangan",
    "juknis-juklak": "Juknis/Juklak",
}


def kind_name(kind: str) -> str:
    """Also for a kind that an office has added: its words, spelt as a heading."""
    return KINDS.get(kind) or kind.replace("-", " ").strip().capitalize() or "Lain-lain"
