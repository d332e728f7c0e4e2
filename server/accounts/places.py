"""Countries and time zones as they are named: ISO 3166-1 and the tz database.

Both are checked when somebody signs up, because money days and laws hang on them later.
"""

from functools import cache
from typing import Final
from zoneinfo import available_timezones

from rooms.errors import Invalid

_CODES: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
    "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
    "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
    "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
    "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS YE YT ZA ZM ZW "
)
COUNTRIES: Final = frozenset(_CODES.split())
# Names of the tz database that mean "whatever this machine thinks".
_NOWHERE: Final = frozenset({"localtime", "Factory", "posixrules"})


@cache
def zones() -> frozenset[str]:
    """Every time zone there is; read from disk once."""
    return frozenset(available_timezones()) - _NOWHERE


def check_country(code: str) -> None:
    """Raises Invalid for what is no country."""
    if code not in COUNTRIES:
        raise Invalid("This is not a country, such as FR.", path="$.country")


def check_zone(name: str) -> None:
    """Raises Invalid for what is no time zone."""
    if name not in zones():
        raise Invalid("This is not a time zone, such as Europe/Paris.", path="$.timezone")
