"""Why a finding matters and how it is mended, by its code: said once for all findings of a kind, in words a process owner knows."""

from bpmn.errors import N_

_UNSUPPORTED = (N_("Mesin Terbit tidak mengenalnya, sehingga berkas akan gagal di sini."),
                N_("Ganti dengan elemen yang didukung: tugas, gerbang, peristiwa, atau subproses biasa."))
_CODE = (N_("Diagram tidak boleh membawa kode program: ia ditulis di peramban."),
         N_("Pakai tugas layanan dengan topik, atau tugas skrip dengan penugasan `nama = ekspresi`."))
_DRAWN = (N_("Tanpa sambungan yang benar, berkas tidak tahu harus ke mana."),
          N_("Gambar ulang alurnya di diagram: dari tepi satu elemen ke tepi elemen berikutnya, di dalam proses yang sama."))
_START = (N_("Berkas dimulai dari peristiwa mulai; jumlah dan jenisnya menentukan dari mana."),
          N_("Sisakan tepat satu peristiwa mulai tanpa pemicu; di subproses peristiwa, satu dengan pemicu."))
_EVENT = (N_("Peristiwa ini tidak akan pernah terjadi, atau tidak dapat dijalankan."),
          N_("Pilih pemicu yang didukung untuk peristiwa ini, dan lengkapi acuannya di panel sifat."))
_IDENTITY = (N_("Terbit mengenali elemen dan proses dari id-nya; yang kosong atau kembar akan tertukar."),
             N_("Beri setiap elemen id yang lain dari yang lain, di panel sifat."))
_MISSING_FILE = (N_("Yang diacu harus ikut diberlakukan bersama diagramnya."),
                 N_("Tambahkan filenya, atau perbaiki nama yang diacu di panel sifat."))
_EXPRESSION = (N_("Ekspresi yang tidak dapat dihitung menghentikan berkas di tempat ini."),
               N_("Perbaiki penulisannya: nama variabel, tanda kutip, dan kurung; contoh: ${keputusan == 'sesuai'}."))
_UNREAD = (N_("Terbit tidak membacanya; berkas berjalan seolah-olah tidak tertulis."),
           N_("Hapus, atau tulis dengan cara yang dibaca Terbit."))
_TIME = (N_("Waktu yang tidak dapat dibaca tidak dapat ditunggu."), N_("Tulis menurut ISO 8601, misalnya PT30M, PT5H, atau P2D."))
_LOOP = (N_("Pengulangan harus tahu berapa kali, atau sampai kapan."),
         N_("Isi jumlah atau koleksinya, dan syarat selesainya, di panel sifat."))
_DEFAULT = (N_("Bila tidak ada syarat yang terpenuhi, berkas terhenti dan menunggu admin."),
            N_("Jadikan salah satu alur keluarnya alur baku (default), atau beri alur untuk pilihan yang belum ada."))
_UNSET = (N_("Membaca variabel yang belum ada menghentikan berkas di tempat ini."),
          N_("Isi lebih dahulu (formulir, skrip, atau parameter keluaran), atau baca dengan get('nama'). "
             "Yang dibawa dari luar saat mulai disebut di sifat proses `masukan`."))
_PRINTED = (N_("SOP AP tercetak memuatnya menurut PermenPAN-RB 35/2012."), N_("Lengkapi di panel sifat."))

ADVICE: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("unsupported", "multiple", "extension", "non-interrupting"), _UNSUPPORTED),
    **dict.fromkeys(("code", "listener", "language"), _CODE),
    **dict.fromkeys(("dangling-flow", "crossing-flow", "incoming", "outgoing", "attached", "event-gateway", "link"), _DRAWN),
    **dict.fromkeys(("no-start", "many-starts", "event-start", "plain-start"), _START),
    **dict.fromkeys(("trigger", "no-trigger", "reference", "cancel", "code-missing", "no-message"), _EVENT),
    **dict.fromkeys(("duplicate-id", "duplicate-process", "no-id", "no-process", "no-diagram", "variable-name", "parameter"), _IDENTITY),
    **dict.fromkeys(("form-missing", "decision-missing", "called", "paper", "file", "form"), _MISSING_FILE),
    **dict.fromkeys(("expression", "no-script", "mapping", "decision-result"), _EXPRESSION),
    **dict.fromkeys(("ignored", "condition-ignored"), _UNREAD),
    **dict.fromkeys(("timer", "waktu", "due"), _TIME),
    "loop": _LOOP,
    **dict.fromkeys(("no-default", "option-untaken", "no-condition", "default"), _DEFAULT),
    "too-large": (N_("Diagram sebesar ini tidak dapat dibaca orang, dan lambat diperiksa."), N_("Pecah menjadi beberapa proses.")),
    "no-topic": (N_("Tanpa topik tidak ada yang mengerjakannya, dan berkas menunggu selamanya."),
                 N_("Pilih apa yang dikerjakan tugas ini (templat elemen), atau jadikan tugas orang.")),
    **dict.fromkeys(("unreachable", "no-way-out", "pointless-gateway"), (
        N_("Yang tidak tersambung tidak akan pernah dikerjakan."), N_("Sambungkan dengan alur, atau hapus."))),
    "dead-end": (N_("Berkas berhenti di sini tanpa terlihat selesai; orang akan mengira ada yang lupa."),
                 N_("Sambungkan ke langkah berikutnya, atau ke peristiwa selesai.")),
    "never-ends": (N_("Berkas yang sampai di sini berputar terus dan tidak pernah selesai."),
                   N_("Tambahkan gerbang dengan alur menuju peristiwa selesai.")),
    "endless": (N_("Bila syarat keluarnya tidak terpenuhi, mesin berputar sampai dihentikan, dan berkas gagal."),
                N_("Taruh tugas, pewaktu, atau penantian lain di dalam putaran ini, atau hapus putarannya.")),
    "deadlock": (N_("Gerbang gabung menunggu semua alurnya; bila satu tidak pernah datang, berkas berhenti selamanya."),
                 N_("Pasangkan jenisnya: cabang dari gerbang eksklusif digabung dengan gerbang eksklusif, "
                    "paralel dengan paralel, inklusif dengan inklusif.")),
    "uncertain": (N_("Diagram ini punya terlalu banyak cabang bersilangan."),
                  N_("Cobalah dengan Coba dulu, atau pecah menjadi subproses.")),
    "twice": (N_("Beberapa cabang berjalan bersamaan dan bertemu tanpa gerbang gabung, jadi setiap cabang meneruskan sendiri."),
              N_("Gabungkan cabangnya dengan gerbang paralel (atau inklusif) sebelum elemen ini.")),
    **dict.fromkeys(("never-set", "maybe-unset", "unset-yet"), _UNSET),
    **dict.fromkeys(("never-taken", "no-such-option"), (
        N_("Nilai yang dibandingkan tidak dapat dihasilkan oleh formulirnya."), N_("Samakan dengan nilai pilihan (value) di formulir."))),
    "compare-type": (N_("Jenis isian dan yang dibandingkan berbeda, jadi hasilnya selalu sama."),
                     N_("Angka ditulis tanpa kutip, teks dengan kutip, ya/tidak dengan true/false, dan daftar dengan `'x' in nama`.")),
    "nobody": (N_("Tugas ini tidak akan muncul di daftar tugas siapa pun."),
               N_("Taruh di sebuah lajur yang punya grup, atau isi grup calonnya.")),
    "unknown-group": (N_("Tidak ada orang di grup yang tidak ada; tugasnya tidak akan terlihat."),
                      N_("Perbaiki nama grupnya, atau minta admin membuat grup itu.")),
    "topic-unknown": (N_("Kecuali ada pekerja luar yang mengambilnya lewat REST, tugas ini menunggu selamanya."),
                      N_("Pilih topik yang tersedia, atau pastikan pekerja luarnya ada.")),
    **dict.fromkeys(("sop-identity", "sop-standard", "sop-number"), _PRINTED),
    "sop-start": (N_("SOP AP mulai di satu tempat."), N_("Satukan awalnya menjadi satu peristiwa mulai.")),
    "sop-end": (N_("SOP AP harus menunjukkan di mana selesai."), N_("Tambahkan peristiwa selesai.")),
    "sop-verb": (N_("Kegiatan SOP AP ditulis dengan kata kerja aktif."), N_("Ubah nama kegiatannya.")),
    "sop-symbol": (N_("SOP AP hanya mengenal lima simbol; yang lain tidak tercetak."),
                   N_("Jelaskan di Keterangan, dan beri sifat `cetak` = `tidak`.")),
    "sop-decision": (N_("Pembaca SOP tercetak tidak tahu alur mana untuk jawaban apa."),
                     N_("Beri nama setiap alur, misalnya “Ya” dan “TIDAK”.")),
    "sop-back": (N_("Di SOP AP hanya keputusan (belah ketupat) yang mengembalikan pekerjaan."),
                 N_("Sisipkan gerbang keputusan sebelum alur kembali ini.")),
}
