"""Invented sentences, organisations and events of the demo mission."""

from __future__ import annotations

REMARKS = (
    "Le comité du forage demande des joints et une tige.",
    "Chief asks when the mobile clinic comes back.",
    "Piste glissante après la pluie, 4x4 seulement.",
    "School opens again after the harvest, two teachers missing.",
    "Marché du jeudi bien fréquenté.",
    "Families from the north stay with relatives, no site.",
    "Vaccination prévue la semaine prochaine par le district.",
    "Water point queue over an hour in the morning.",
)
ALARMS = (
    "Woman in labour with complications, no vehicle; ambulance or transport needed tonight.",
    "Cholera suspected: nine people with acute watery diarrhoea, two children dehydrated, no ORS left.",
    "Le pont a cédé, un camion avec des passagers est bloqué dans l'eau; secours demandés.",
    "Fire in the displaced site, forty shelters burnt; people without water and cover for the night.",
    "Snake bite, boy of ten; the health post has no antivenom.",
)
INCIDENTS = (
    ("crime", "robbery", "Traders stopped and robbed on the way to the market; goods and phones taken."),
    ("civilians", "cattle", "Cattle taken from a camp at night; herders followed the tracks."),
    ("accident", "traffic", "Overloaded truck turned over at the ford."),
    ("aid", "aid_block", "Agency vehicle stopped for four hours at a barrier, then let through."),
    ("accident", "fire", "Bush fire reached the edge of the village, granaries lost."),
    ("unrest", "protest", "Shopkeepers' demonstration against a local tax, ended calmly."),
    ("crime", "extortion", "Illegal toll at the bridge, 500 francs a bicycle."),
    ("civilians", "displacement", "About sixty families left the quarter after threats."),
)
LANDMARKS = (
    "200 m past the broken bridge, left of the track, under a mango tree.",
    "Behind the old cotton store, near the well.",
    "Champ de manioc derrière l'école, repère : termitière.",
    "Bord de piste, borne kilométrique peinte en blanc.",
)
# Name, acronym, code of its type, sector of its work.
ORGANISATIONS = (
    ("Santé Sans Frontière Ouham", "SSFO", "437", "HEA"),
    ("Eau Vive Centrafrique", "EVC", "441", "WSH"),
    ("Northern Schools Trust", "NST", "437", "EDU"),
    ("Secours Agricole", "SECAGRI", "441", "FSC"),
    ("Relief Bridge", "RB", "437", "SHL"),
    ("Action Nutrition Savane", "ANS", "437", "NUT"),
    ("Foyer des Femmes de l'Ouham", "FFO", "441", "PRO"),
    ("Logistics for Aid", "L4A", "437", "LOG"),
    ("Champs Ouverts", "CO", "441", "ERY"),
    ("Médecins du Fleuve", "MDF", "437", "HEA"),
)
ACTIVITIES = {
    "HEA": "Mobile clinics and medicine for health posts",
    "WSH": "Repair of hand pumps, water committees",
    "EDU": "Temporary classrooms and school kits",
    "FSC": "Seeds and tools before the rains",
    "SHL": "Shelter kits for returnees",
    "NUT": "Screening and treatment of acute malnutrition",
    "PRO": "Listening centres",
    "LOG": "Common transport and storage",
    "ERY": "Cash for work on feeder roads",
}
PURPOSES = (
    "Briefing on road security before a food distribution.",
    "Information sur l'état des pistes avant une campagne de vaccination.",
    "Advice on timings and check points for a convoy of school material.",
)
SUMMARIES = (
    "Calm month. Patrols reached all axes but two. Water points lack spare parts; pump committees ask for training.",
    "Mois marqué par les pluies : deux axes coupés une semaine. Retours de familles au nord, écoles rouvertes partiellement.",
    "Returns continue. Health posts report stock-outs of malaria medicine. Relations with village chiefs are good.",
)
PLANS = (
    "Joint visits with the district health team; follow-up of the bridge repair.",
    "Visite des forages en panne avec les comités.",
    "Weekly liaison with agencies; assessment of four schools.",
)
HANDOVERS = (
    "The ford on the northern road floods within two hours of rain.",
    "Le chef du village est absent pendant la récolte : voir son adjoint.",
    "Pump spare parts were promised by the water agency for December.",
)
