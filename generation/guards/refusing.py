"""How models say in other languages than English that the passages do not answer. Pure.

One row a language, without accents and in small letters. Only what speaks of the
passages themselves is a refusal: "Travel documents are not provided" is an answer.
To add a language, add a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Patterns of one language.

    Attributes:
        passages: what was read, as the subject of a sentence.
        within: "in the passages".
        denies: what follows ``passages``: "do not contain".
        no: "not" and "no".
        told: "mentioned", "included", "available".
        news: what there is none of: "information", "answer".
        cannot: "I cannot answer".
        marker: "Not in your documents" in parts, each of which has its choices.
    """

    passages: str
    within: str
    denies: str
    no: str
    told: str
    news: str
    cannot: str
    marker: tuple[tuple[str, ...], ...]


# Inside one clause, and in none that begins with "that".
_GAP = r"(?:(?! (?:dass|que|qu|che|dat)\b)[^.,;:!?]){0,60}?"
# What was read. One "source" may be a spring or a fountain, so only several count.
_DE = (
    r"(?:(?:bereitgestellt|vorliegend|gegeben|angegeben|verfugbar|vorhanden)\w+ )?"
    r"(?:(?:text)?passagen?|textstellen?|dokumente?n?|unterlagen|texte?n?|quellen|"
    r"abschnitte?n?|auszuge?n?|kontext)\b"
)
_DE_NO = r"(?:nicht(?! nur)|nichts|keine?[mnrs]?)"
_DE_NEWS = r"(?:information|angabe|antwort|auskunft|aufschluss|hinweis|aussage)\w*"
_FR = r"(?:passages?|documents?|textes?|sources|extraits?|contexte)\b"
_FR_NO = r"(?:pas(?! seulement)|aucune?|rien)"
_FR_NEWS = r"(?:information|reponse|repondre|precision|mention|indication)s?"
_ES = r"(?:pasajes?|documentos?|textos?|fuentes|contexto|fragmentos?)\b"
_ES_NEWS = r"(?:informacion|respuesta|responder|mencion|datos|detalles)"
_IT = r"(?:passagg[io]+|document[io]|test[io]|fonti|contesto|bran[io]|estratti)\b"
_IT_NEWS = r"(?:informazion[ei]|rispost[ae]|rispondere|indicazion[ei]|menzione)"
_PT = r"(?:passage(?:m|ns)|documentos?|textos?|fontes|contexto|trechos?)\b"
_PT_NEWS = r"(?:informac\w+|respostas?|responder|mencao|dados|detalhes)"
_NL = (
    r"(?:(?:gegeven|verstrekte|beschikbare) )?"
    r"(?:passages?|document(?:en)?|tekst(?:en)?|bronnen|context|fragmenten)\b"
)
_NL_NO = r"(?:niet(?! alleen)|niets|geen)"
_NL_NEWS = r"(?:informatie|antwoord|uitsluitsel|gegevens)"

# "This information" and "the answer" in all of them.
_THIS = (
    r"(?:diese information(?:en)?|die (?:antwort|gesuchte information)"
    r"|cette information|ces informations|la reponse"
    r"|(?:esta|esa|dicha) informacion|la respuesta"
    r"|(?:questa|tale) informazione|(?:queste|tali) informazioni|la risposta"
    r"|(?:esta|essa) informacao|a resposta|deze informatie|het antwoord)\b"
)

_WORDINGS = (
    Wording(
        passages=rf"(?:die|der|das|dieser?|dieses|ihre|deine) {_DE}",
        within=rf"(?:in (?:den|dem|diesen|diesem|ihren|deinen)|im) {_DE}",
        denies=(
            r"(?:enthalt\w*|erwahn\w+|nenn(?:t|en)|beantwort\w+|sag(?:t|en))\b"
            rf"(?! (?:wir|ich|man)\b){_GAP}\b{_DE_NO}\b"
            r"|(?:geben|gibt|machen|macht|liefer(?:t|n)|bieten|bietet)\b"
            rf"{_GAP}\b{_DE_NO}\b{_GAP}\b{_DE_NEWS}"
        ),
        no=_DE_NO,
        told=(
            r"(?:erwahnt|genannt|angegeben|enthalten|aufgefuhrt|beschrieben|gefunden|"
            r"zu finden|verfugbar|vorhanden|beantwortet)"
        ),
        news=_DE_NEWS,
        cannot=(
            rf"ich kann (?:die|diese|ihre|deine|das|es)\b{_GAP}\bnicht "
            r"(?:beantworten|sagen|finden)|ich weiss (?:es|das) nicht"
        ),
        marker=(
            ("nicht in",),
            ("ihren", "den", "deinen", "diesen"),
            ("dokumenten", "unterlagen"),
        ),
    ),
    Wording(
        passages=rf"(?:les|ces|vos|le|ce|la) {_FR}(?! d(?:e |['’]))",
        within=rf"dans (?:les|ces|vos|tes|le|ce|la) {_FR}(?! d(?:e |['’]))",
        denies=(
            r"n(?:e |['’])(?:(?:en|la|le|les|y) )?"
            r"(?:(?:repond|contien|mentionn|indiqu|precis|parl|di[st]|inclu|evoqu)\w*"
            rf"{_GAP}\b{_FR_NO}\b"
            rf"|(?:fourni|donn|font|fait|permet)\w*{_GAP}\b{_FR_NO}\b{_GAP}\b{_FR_NEWS})"
        ),
        no=_FR_NO,
        told=(
            r"(?:(?:mentionn|indiqu|precis|donn)ee?s?|fournie?s?|contenue?s?|incluse?s?|"
            r"trouvee?s?|disponibles?)"
        ),
        news=_FR_NEWS,
        cannot=r"je ne (?:peux|sais) pas(?: y)? repondre|je ne (?:le )?sais pas",
        marker=(("pas dans",), ("vos", "les", "tes", "ces"), ("documents",)),
    ),
    Wording(
        passages=rf"(?:los|las|el|la|estos|estas|este|sus|tus) {_ES}(?! de )",
        within=rf"en (?:los|las|el|la|estos|estas|este|sus|tus) {_ES}(?! de )",
        denies=(
            r"no (?!solo\b)(?:(?:lo|la|los|las|le) )?"
            r"(?:(?:respond|contien|mencion|indic|especific|inclu|dice|habla|precis)\w*"
            rf"|(?:proporcion|da|ofrec|permit|hac|aport)\w*\b{_GAP}\b{_ES_NEWS})"
        ),
        no=r"(?:no(?! solo)|ninguna?|nada)",
        told=(
            r"(?:(?:mencion|indic|especific|proporcion|encontr)ad[ao]s?|menciona|indica|"
            r"especifica|contenid[ao]s?|incluid[ao]s?|encuentran?|aparecen?|figuran?|"
            r"disponibles?)"
        ),
        news=_ES_NEWS,
        cannot=r"no puedo (?:responder|contestar)|no lo se",
        marker=(
            ("no en", "no esta en", "no figura en", "no aparece en"),
            ("sus", "tus", "los", "estos"),
            ("documentos",),
        ),
    ),
    Wording(
        passages=rf"(?:i|il|le|la|questi|questo|suoi|tuoi) {_IT}(?! d(?:i |['’]))",
        within=(
            r"(?:ne(?:i|l|lle|lla)|in quest[io])(?: (?:suoi|tuoi|vostri))? "
            rf"{_IT}(?! d(?:i |['’]))"
        ),
        denies=(
            r"non (?!solo\b)(?:(?:lo|la|li|le|ne) )?"
            r"(?:(?:rispond|conteng|contien|menzion|indic|specific|riport|parl|dic)\w*"
            rf"|(?:forni|d(?:a|anno)\b|consent|permett|offr)\w*{_GAP}\b{_IT_NEWS})"
        ),
        no=r"(?:non(?! solo)|nessuna?|nulla|niente)",
        told=(
            r"(?:(?:menzion|indic|specific|riport|trov)at[aeio]|contenut[aeio]|present[ei]|"
            r"fornit[aeio]|inclus[aeio]|disponibil[ei])"
        ),
        news=_IT_NEWS,
        cannot=r"non (?:posso|so) rispondere|non lo so",
        marker=(
            ("non", "non presente", "non e presente", "non e"),
            ("nei suoi", "nei tuoi", "nei vostri", "nei"),
            ("documenti",),
        ),
    ),
    Wording(
        passages=rf"(?:os|as|o|a|estes|estas|este|seus|suas) {_PT}(?! de )",
        within=rf"(?:n[oa]s?|em|nest[ea]s?)(?: (?:seus|suas|teus))? {_PT}(?! de )",
        denies=(
            r"nao (?!(?:so|apenas)\b)(?:[oa]s? )?"
            r"(?:(?:respond|conte|mencion|indic|especific|inform|inclu|diz|refer|cita)\w*"
            rf"|(?:fornec|da|traz|permit|apresent|oferec)\w*\b{_GAP}\b{_PT_NEWS})"
        ),
        no=r"(?:nao(?! (?:so|apenas)\b)|nenhuma?|nada)",
        told=(
            r"(?:(?:mencion|indic|especific|inform|encontr|cit)ad[ao]s?|contid[ao]s?|"
            r"fornecid[ao]s?|incluid[ao]s?|consta[m]?|disponive(?:l|is))"
        ),
        news=_PT_NEWS,
        cannot=r"nao (?:posso|consigo|sei) responder|nao sei",
        marker=(
            ("nao", "nao esta", "nao consta"),
            ("nos seus", "em seus", "nos teus", "nos"),
            ("documentos",),
        ),
    ),
    Wording(
        passages=rf"(?:de|deze|dit|het|uw|je|jouw) {_NL}",
        within=rf"in (?:de|deze|dit|het|uw|je|jouw) {_NL}",
        denies=(
            r"(?:bevat(?:ten)?|vermeld(?:t|en)|noem(?:t|en)|beantwoord(?:t|en)|zeg(?:t|gen))\b"
            rf"(?! (?:wij|we|ik|men)\b){_GAP}\b{_NL_NO}\b"
            rf"|(?:geven|geeft|bieden|biedt)\b{_GAP}\b{_NL_NO}\b{_GAP}\b{_NL_NEWS}"
        ),
        no=_NL_NO,
        told=(
            r"(?:vermeld|genoemd|gevonden|te vinden|aangegeven|gegeven|beschreven|"
            r"opgenomen|beschikbaar|beantwoord)"
        ),
        news=_NL_NEWS,
        cannot=(
            rf"ik kan (?:de|deze|uw|je|dit|dat|het)\b{_GAP}\bniet "
            r"(?:beantwoorden|zeggen|vinden)|ik weet het niet"
        ),
        marker=(("niet in",), ("uw", "je", "de", "deze"), ("documenten",)),
    ),
)


def _refusals(one: Wording) -> str:
    """Return the pattern of all refusals in a language."""
    end = r"\s*(?:[.!]|$)"
    return "|".join(
        rf"\b(?:{shape})"
        for shape in (
            rf"{one.passages}{_GAP} (?:{one.denies})",
            # "Dazu enthalten die Passagen nichts"; other languages put the verb behind.
            rf"(?:enthalten|enthalt|bevatten|bevat) {one.passages}{_GAP}\b{one.no}\b",
            rf"{one.within},?{_GAP}\b{one.no}\b{_GAP}\b(?:{one.told}|{one.news})\b",
            rf"{one.no} (?:\w+ )?{one.within}{_GAP}\b{one.told}\b",
            rf"{one.no}\b{_GAP}\b(?:{one.told}|{one.news}) {one.within}",
            rf"{one.no} (?:\w+ )?{one.within}{end}",
            rf"{_THIS}{_GAP}\b{one.no}\b{_GAP}\b{one.told}{end}",
            rf"(?:{one.cannot})\b",
        )
    )


REFUSALS = re.compile("|".join(_refusals(one) for one in _WORDINGS))
MARKERS = tuple(" ".join(parts) for one in _WORDINGS for parts in product(*one.marker))
