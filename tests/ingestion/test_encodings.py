"""Bytes of every usual encoding read as the text that was written."""

from __future__ import annotations

import unicodedata

import pytest

from ingestion.parsing.decoding import decoded

_LATIN = {
    "french": ("cp1252", "Le prix est à payer à la livraison. Voilà où nous en sommes, déjà très près de la fin, peut-être même ça va. L'œuvre coûte 3 €."),
    "italian": ("cp1252", "La città è bella, perché così più gente può andare là. Costa £3.50, però non è di più. Giovedì l'università è chiusa."),
    "portuguese": ("cp1252", "A informação não está disponível; é preciso então pedir à administração. Três opções são possíveis, já que há avô."),
    "spanish": ("cp1252", "El niño comió mañana en España. ¿Qué pasó? ¡Nada más! La reunión será el miércoles; también habrá pingüinos."),
    "german": ("cp1252", "Die Prüfung der Öfen läuft täglich. Größe: 30 m³, Fläche 12 m², Kosten 3,50 €. Türen müssen zu sein – „sofort“."),
    "danish": ("cp1252", "Rødgrød med fløde er en dansk ret. Prisen på øl er steget på Ærø og i København. Måske får vi også æbler."),
    "swedish": ("cp1252", "Räksmörgås är gott. Vi åker på lördag till Malmö och äter där. Förändringen är större än väntat, sade Åsa."),
    "turkish": ("cp1254", "Değerli müşterimiz, siparişiniz yarın gönderilecektir. Lütfen ödeme için aşağıdaki hesabı kullanınız. İyi günler."),
    "polish": ("cp1250", "Szanowni Państwo, proszę o przesłanie faktury. Należność zostanie uregulowana w ciągu siedmiu dni. Żółw i jeż też."),
    "czech": ("cp1250", "Vážení zákazníci, příští týden bude prodejna uzavřena. Děkujeme za pochopení a přejeme hezký den. Kůň pěl ódy."),
    "hungarian": ("cp1250", "Tisztelt Ügyfelünk! A következő héten az üzlet zárva lesz. Köszönjük megértését, és kellemes időt kívánunk."),
    "slovene": ("cp1250", "Spoštovani, račun za mesec marec še ni plačan. Prosimo, da znesek čim prej poravnate. Želimo vam lep dan, če bo mogoče."),
    "romanian": ("cp1250", "Stimaţi clienţi, vă informăm că magazinul va fi închis săptămâna viitoare. Vă mulţumim pentru înţelegere."),
    "lithuanian": ("cp1257", "Gerbiami klientai, pranešame, kad kitą savaitę parduotuvė bus uždaryta. Dėkojame už supratimą ir linkime gražios dienos."),
    "latvian": ("cp1257", "Cienījamie klienti, nākamnedēļ veikals būs slēgts. Pateicamies par sapratni un vēlam jauku dienu. Šķīvis ir uz galda."),
    "vietnamese": ("cp1258", unicodedata.normalize("NFD", "Kính gửi quý khách, cửa hàng sẽ đóng cửa vào tuần tới.").replace("o\u031b", "ơ").replace("u\u031b", "ư").replace("a\u0302", "â").replace("e\u0302", "ê")),
    "names": ("cp1252", "Name\nSøren\nIrène\nJosé\nZoë\nJürgen\nGarcía\nFrançois\nPeña\nÅsa\nAndré\n"),
    "signs": ("cp1252", "The tank¹ holds 30 m³ and the pump 20 m³. It’s “fine” – ±5 µm at 20 °C.\n"),
    "prices": ("cp1252", "".join(f"Tea {i},£{i}.50\n" for i in range(10))),
}  # fmt: skip


@pytest.mark.parametrize("times", [1, 6])
@pytest.mark.parametrize("language", _LATIN)
def test_latin_letters_are_read_by_the_language_of_the_words(
    language: str, times: int
) -> None:
    encoding, text = _LATIN[language]

    assert decoded((text * times).encode(encoding)) == text * times


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Привет, мир! Счёт оплачен."),
        ("cp1251", "Москва"),
        ("cp1251", "МОСКВА, ОПЛАТА СЧЕТА"),
        ("cp1255", "על שיתוף הפעולה"),
        ("cp1252", "sade än till Förändringen Vi Förändringen"),
        ("koi8_r", "Уважаемые господа, счёт оплачен вовремя."),
        ("cp1251", "Шановні пані та панове, рахунок оплачено вчасно."),
        ("cp1253", "Καλημέρα κόσμε, η τιμή είναι 3 €."),
        ("cp1255", "שלום עולם, המחיר הוא שלוש שקלים"),
        ("cp1256", "مرحبا بالعالم، السعر هو ثلاثة"),
        ("gb18030", "你好，世界。价格是三元。"),
        ("big5", "您好，世界。價格是三元，請付款。"),
        ("cp932", "こんにちは世界。価格は三円です。"),
    ],
)
def test_short_texts_are_read(encoding: str, text: str) -> None:
    assert decoded(text.encode(encoding)) == text


def test_letters_far_down_a_file_are_read_too() -> None:
    text = "Nothing but plain words here.\n" * 5_000 + "Größe: 3,50 €, müßig.\n"

    assert decoded(text.encode("cp1252")) == text


@pytest.mark.parametrize("encoding", ["mac_roman", "cp850"])
def test_files_of_old_systems_are_told_by_signs_inside_words(encoding: str) -> None:
    text = "Die Prüfung der Öfen läuft täglich. Die Größe der Flächen ist müßig. " * 5

    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize("declared", ["iso-8859-1", "latin-1", "us-ascii"])
def test_latin_1_is_read_as_browsers_do(declared: str) -> None:
    text = "Škoda costs 5 € – “net”."

    assert decoded(text.encode("cp1252"), declared=declared) == text
    assert decoded(b"\x81 caf\xe9", declared="latin-1") == "\x81 café"


def test_names_of_small_code_pages_mean_their_large_ones() -> None:
    assert decoded("朱镕基".encode("gb18030"), declared="gb2312") == "朱镕基"
    assert decoded("①株".encode("cp932"), declared="shift_jis") == "①株"


@pytest.mark.parametrize(
    ("encoding", "is_declared"),
    [
        ("iso2022_jp", True),
        ("iso2022_jp", False),
        ("iso2022_kr", True),
        ("hz", True),
        ("utf-7", True),
    ],
)
def test_encodings_of_seven_bits_are_not_taken_for_ascii(
    encoding: str, is_declared: bool
) -> None:
    text = {"iso2022_kr": "가격 표", "hz": "价格 ok", "utf-7": "Größe"}.get(
        encoding, "価格は三円です ok"
    )

    read = decoded(text.encode(encoding), declared=encoding if is_declared else None)

    assert read == text


def test_names_of_no_encoding_are_passed_over() -> None:
    for name in ("x-none", "a\0b", "é", "base64"):
        assert decoded(b"\xe9t\xe9", declared=name) == "été"
