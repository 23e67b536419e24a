"""How the made-up countries sound and what their lists call things: syllables, type words, saints, qualifiers per language."""

from __future__ import annotations

SYLLABLES = {
    "bantu": "ba be bo bu ka ki ko ku ma mi mo mu na nga ngo ndo lu la li sa si ta ti to wa ya za ze nya mba mbo kwa mbu ngu mwa shi ge ri",
    "sahel": "gou dou bou tou kou mou ssa dja dji djo gui man bin sen fou wa ou ya ka ra ri ro ndi nda mbé ré koro dia ba la mé ki ga to né sso",
    "arabic": "al ab ha ra sha fa wad um ba ja bal kha dim ma da mir zal ge nei na tir gad ri fi ya sal bu hos sin far aj deen za qu gha",
    "nile": "a wil yei ju ba ma lual pa wer tor it ri ak obo ben tiu nyal la fon po chal kuac jok lo gor dit aweng ke rot nyan ngo mu ki",
    "horn": "bal cad dhe er xaa fo gal kac hod bur ce el waaq war sheekh ja ma me oo da baar dheer mo qa dho le ga ro dud hay laa",
    "iberian": "que li ma ne nam pu la mo cu ba chi io vi lu an go mbe sao ri bei ra ca xi to ven tu nha lha cho mua ze te",
    "asian": "kha na bad pur gar shah man dara chi nar sur kot ab ba si lam zai mir wal pa ran kun du gul ghan i to ri la mo",
    "coast": "ma ro te ke ne bai fa dug bo lun gi sem be kono tai pe jam hun sa rok ko ya wa lo mam ba la ru po gb on ma gbe kpa",
}
LANGUAGES = {
    "bantu": ("en", "fr", "sw", "pt"), "sahel": ("fr",), "arabic": ("en", "fr", "ar"), "nile": ("en", "ar"),
    "horn": ("en", "so"), "iberian": ("pt", "es"), "asian": ("en",), "coast": ("en", "fr"),
}  # fmt: skip
# How each kind is written; the first is what the official list of a language uses.
WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "hospital": {"en": ("Hospital", "District Hospital", "Hosp.", "General Hospital", "Hosp", "Referral Hospital"), "fr": ("Hôpital", "Hôpital de District", "Hop", "HGR", "Hôpital Général", "HD"),
                 "sw": ("Hospitali", "Hospital"), "pt": ("Hospital Rural", "Hospital"), "es": ("Hospital",), "ar": ("Mustashfa", "Hospital"), "so": ("Isbitaalka", "Hospital")},
    "health_centre": {"en": ("Health Centre", "HC", "Health Center", "PHCC", "H/C", "Primary Health Care Centre", "CHC", "P.H.C.C", "PHC Centre"), "fr": ("Centre de Santé", "CS", "C.S.", "CSI", "Ctre de santé", "CSPS", "CSCom", "Centre Médical", "CSB"),
                      "sw": ("Kituo cha Afya", "Health Centre"), "pt": ("Centro de Saúde", "CS", "C. Saúde"), "es": ("Centro de Salud", "CS"), "ar": ("Markaz Sihi", "Health Centre", "PHCC"), "so": ("Xarunta Caafimaadka", "HC", "MCH")},
    "health_post": {"en": ("Health Post", "PHCU", "Dispensary", "P.H.C.U", "PHC Unit", "Primary Health Care Unit", "Health Unit", "Disp", "MCHP", "CHP", "PHU"), "fr": ("Poste de Santé", "PS", "Dispensaire", "Case de santé", "P.S.", "Infirmerie"),
                    "sw": ("Zahanati", "Dispensary"), "pt": ("Posto de Saúde", "PS"), "es": ("Puesto de Salud", "PS"), "ar": ("Wahda Sihiya", "Health Unit", "PHCU"), "so": ("Health Post", "PHU")},
    "clinic": {"en": ("Clinic", "Private Clinic", "Medical Centre", "Medical Clinic"), "fr": ("Clinique", "Cabinet médical", "Cabinet de soins"), "sw": ("Clinic",), "pt": ("Clínica",), "es": ("Clínica",), "ar": ("Iyada", "Clinic"), "so": ("Clinic",)},
    "health_other": {"en": ("Health Department", "CHD", "Health Office", "Nursing School"), "fr": ("District Sanitaire", "Bureau de santé", "Dépôt pharmaceutique"), "sw": ("Health Office",), "pt": ("Direcção de Saúde",), "es": ("Oficina de Salud",), "ar": ("Health Office",), "so": ("Health Office",)},
    "primary": {"en": ("Primary School", "P/S", "Prim. School", "PS", "Basic School", "Pri. School", "Primary Sch"), "fr": ("École Primaire", "EP", "Ecole", "Ecole prim.", "E.P.", "EPP", "École Fondamentale"),
                "sw": ("Shule ya Msingi", "Primary School", "S/Msingi"), "pt": ("Escola Primária", "EP", "EPC"), "es": ("Escuela Primaria",), "ar": ("Madrasa", "Basic School"), "so": ("Dugsiga Hoose", "Primary School")},
    "secondary": {"en": ("Secondary School", "Sec. School", "SS", "High School", "SSS", "Sec Sch", "Secondary Sch."), "fr": ("Lycée", "CEG", "Collège", "École Secondaire", "Lyc."),
                  "sw": ("Shule ya Sekondari", "Secondary School"), "pt": ("Escola Secundária", "ES"), "es": ("Escuela Secundaria", "Liceo"), "ar": ("Madrasa Thanawiya", "Secondary School"), "so": ("Dugsiga Sare", "Secondary School")},
    "water": {"en": ("Borehole", "Hand pump", "Water point", "Well", "BH"), "fr": ("Forage", "Puits", "Point d'eau", "PMH"), "sw": ("Kisima", "Borehole"), "pt": ("Poço", "Furo"), "es": ("Pozo",), "ar": ("Donki", "Bir"), "so": ("Ceel", "Borehole")},
}  # fmt: skip
GROUPS = (
    ("hospital", "health_centre", "health_post", "clinic", "health_other"),
    ("primary", "secondary"),
    ("water",),
)
# How lists code a kind; a list keeps to one column, a missing kind in it means the kind's own name.
CODES = (
    {},
    {"primary": "school_primary", "secondary": "school_secondary", "water": "borehole_hand"},
    {"hospital": "Hospital", "health_centre": "Health Centre", "health_post": "Health Post", "clinic": "Clinic", "primary": "Primary School", "secondary": "Secondary School", "water": "Borehole", "health_other": "Other"},
    {"hospital": "Hôpital", "health_centre": "Centre de santé", "health_post": "Poste de santé", "clinic": "Clinique", "primary": "École primaire", "secondary": "Lycée", "water": "Forage", "health_other": "Autre"},
    {"hospital": "hospital", "health_centre": "phc", "health_post": "dispensary", "clinic": "private clinic", "primary": "school", "secondary": "school", "water": "water point"},
)
QUALIFIERS = {
    "en": ("North", "South", "Boys", "Girls", "East", "New", "West", "Upper", "Central"), "fr": ("Nord", "Sud", "Garçons", "Filles", "Haut", "Nouveau", "Est", "Centre"),
    "sw": ("Kusini", "Kaskazini"), "pt": ("Norte", "Sul", "Novo"), "es": ("Norte", "Sur"), "ar": ("Shamal", "Banat", "Janub"), "so": ("North", "South", "Waqooyi"),
}  # fmt: skip
# Names that stand anywhere in a country and so say little about which place it is.
SAINTS = {
    "en": ("St. Mary", "St Joseph", "Hope", "Unity", "Good Shepherd", "Sacred Heart", "Redemption", "Islamic", "Army", "Prison", "Mission", "Police", "Model", "Memorial", "Community"),
    "fr": ("Sainte Anne", "Saint Joseph", "Espoir", "La Paix", "Bon Berger", "Garnison", "Notre Dame", "Islamique", "Mission", "Municipal"),
    "sw": ("Umoja", "Amani", "Uhuru", "Mtakatifu Yosefu"), "pt": ("Santa Maria", "Esperança", "São José", "Paz"), "es": ("Santa Isabel", "San José", "Esperanza"),
    "ar": ("El Salam", "El Nur", "Al Rahma", "Al Shifa"), "so": ("Nabad", "Hormuud", "Banaadir"),
}  # fmt: skip
# Spellings of one sound; a source leans to one side of each, a slip may go either way.
SWAPS = (
    ("ou", "u"), ("u", "oo"), ("k", "c"), ("dj", "j"), ("sh", "ch"), ("y", "i"), ("e", "i"), ("o", "u"), ("w", "ou"), ("ph", "f"), ("q", "k"), ("kh", "k"), ("gh", "g"),
    ("z", "s"), ("b", "p"), ("l", "r"), ("aa", "a"), ("é", "e"), ("x", "h"), ("gu", "g"), ("v", "w"), ("ss", "s"), ("gn", "ny"), ("tch", "ch"), ("d", "t"), ("g", "k"),
    ("ee", "i"), ("oo", "u"), ("ai", "e"), ("au", "o"), ("c", "s"), ("nh", "ny"), ("lh", "li"), ("dh", "d"), ("th", "t"), ("ei", "e"), ("ie", "i"), ("mb", "m"), ("ng", "n"), ("h", ""), ("ia", "ya"), ("oua", "wa"),
)  # fmt: skip
