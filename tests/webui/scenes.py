"""What the people of the SOP write, step by step."""

SOP = "penerbitan-informasi"
ASKED = {"sumber": "nota-dinas", "perihal": "Jadwal sosialisasi", "kanal": ["website", "facebook"], "disposisi": "Mohon disiapkan."}
DRAFT = {"jenis": "pengumuman", "klasifikasi": "berkala", "judul": "Sosialisasi di Pulau Pramuka", "ringkasan": "Undangan.",
         "isi": "Kami mengundang **pemilih pemula**.", "gambar": [], "lampiran": []}
CHECKS = {"kebenaran_diperiksa": True, "narasumber_dikonfirmasi": True, "kalimat_diperbaiki": True}
STEPS = (("tugaskan", "ketua", ASKED), ("perintahkan", "kasubbag", {"penulis": None, "arahan": "Singkat saja."}),
         ("siapkan", "penulis", DRAFT),
         ("periksa", "kasubbag", {**CHECKS, **DRAFT}), ("putuskan", "ketua", {"keputusan": "sesuai"}),
         ("serahkan", "kasubbag", {}), ("terbitkan", "webadmin", {"terbit_pada": None}))


def form_data(values):
    """The values as a browser sends them."""
    data = {}
    for key, value in values.items():
        if value is True:
            data[f"v-{key}"] = "y"
        elif value not in (None, False, []):
            data[f"v-{key}"] = value
    return data
