"""Reports by e-mail in the browser: scheduled, left, ended; for overseers."""

PAGE = "/reports/jadwal"
GOOD = {"report": "rekap", "key": "penerbitan-informasi", "every": "quarter", "form": "docx", "recipients": ["analis", "admin"]}


def test_a_report_is_scheduled_left_and_ended(sop, signed_in, stranger):
    analis, admin = signed_in("analis"), signed_in("admin")
    assert "Belum ada laporan terjadwal" in analis.get(PAGE).text and "SMTP_URL" in analis.get(PAGE).text
    wrong = analis.post(PAGE, GOOD | {"recipients": ["penulis"]}, token_from=PAGE)
    assert wrong.status_code == 400 and "Penerima harus orang kantor ini" in wrong.text
    assert analis.post(PAGE, GOOD, token_from=PAGE).status_code == 303
    page = analis.get(PAGE).text
    assert "Setiap triwulan" in page and "DOCX" in page and "Berhenti menerima" in page
    id = page.split(f"{PAGE}/")[1].split("/")[0]
    assert analis.post(f"{PAGE}/{id}/leave", {}, token_from=PAGE).status_code == 303
    assert "Berhenti menerima" not in analis.get(PAGE).text and "Berhenti menerima" in admin.get(PAGE).text
    assert admin.post(f"{PAGE}/{id}/end", {}, token_from=PAGE).status_code == 303
    assert "Belum ada laporan terjadwal" in admin.get(PAGE).text
    assert admin.post(f"{PAGE}/{id}/end", {}, token_from=PAGE).status_code == 404
    assert signed_in("ketua").get(PAGE).status_code == 403 and stranger.get(PAGE).status_code == 303
