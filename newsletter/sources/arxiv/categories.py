"""arXiv's category taxonomy: which categories exist, which names are aliases, what an archive holds.

Source: https://arxiv.org/category_taxonomy and arXiv's published taxonomy tables (155 active names, 149 canonical).
"""

from collections.abc import Iterable

from newsletter.models.papers import Taxonomy
from newsletter.sources.arxiv.names import NAMES

_ARCHIVES = """
astro-ph: CO EP GA HE IM SR
cond-mat: dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con
cs: AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NE NI OH OS PF PL RO SC
    SD SE SI
econ: EM GN TH
eess: AS IV SP SY
gr-qc
hep-ex
hep-lat
hep-ph
hep-th
math: AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO KT LO MG NA NT OA OC PR QA RA RT SG SP ST
math-ph
nlin: AO CD CG PS SI
nucl-ex
nucl-th
physics: acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph flu-dyn gen-ph
    geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph
q-bio: BM CB GN MN NC OT PE QM SC TO
q-fin: CP GN MF PM PR RM ST TR
quant-ph
stat: AP CO ME ML OT
"""

_ALIASES = """
acc-phys=physics.acc-ph adap-org=nlin.AO alg-geom=math.AG ao-sci=physics.ao-ph atom-ph=physics.atom-ph
bayes-an=physics.data-an chao-dyn=nlin.CD chem-ph=physics.chem-ph cmp-lg=cs.CL comp-gas=nlin.CG cs.NA=math.NA
cs.SY=eess.SY dg-ga=math.DG funct-an=math.FA math.IT=cs.IT math.MP=math-ph mtrl-th=cond-mat.mtrl-sci
patt-sol=nlin.PS plasm-ph=physics.plasm-ph q-alg=math.QA q-fin.EC=econ.GN solv-int=nlin.SI stat.TH=math.ST
supr-con=cond-mat.supr-con
"""

ALIASES: dict[str, str] = dict(pair.split("=") for pair in _ALIASES.split())


def _categories() -> Iterable[str]:
    for line in _ARCHIVES.replace("\n    ", " ").strip().splitlines():
        archive, _, subjects = line.partition(":")
        if not subjects:
            yield archive
        for subject in subjects.split():
            yield f"{archive}.{subject}"


CATEGORIES: frozenset[str] = frozenset(_categories())
ARCHIVES: frozenset[str] = frozenset(category.partition(".")[0] for category in CATEGORIES)
TAXONOMY = Taxonomy(CATEGORIES, ALIASES, ARCHIVES, NAMES)


def canonical(category: str) -> str:
    """The name arXiv uses today: math.IT becomes cs.IT; an unknown name stays as it is."""
    return TAXONOMY.canonical(category)


def aliases(category: str) -> list[str]:
    """The other names of a canonical category, in alphabetical order."""
    return sorted(alias for alias, name in ALIASES.items() if name == category)
