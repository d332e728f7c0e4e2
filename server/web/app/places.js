/** Countries, languages and time zones, named by the browser itself, with what fits this device. */

const CODES = "AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FM FR GA GB GD GE GH GI GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KN KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PR PS PT PW PY QA RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SO SR SS ST SV SY SZ TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VN VU WS YE ZA ZM ZW".split(" ");
const TONGUES = ["en", "fr", "hi", "bn", "mr", "te", "ta", "gu", "ur", "kn", "or", "ml", "pa", "de", "es", "pt", "it", "ja"];

/** @param {Intl.DisplayNamesOptions["type"]} type */
const names = (type) => new Intl.DisplayNames(["en"], { type });

/** @returns {[string, string][]} */
export function COUNTRIES() {
  const name = names("region");
  return CODES.map((code) => /** @type {[string, string]} */ ([code, name.of(code) ?? code])).sort((a, b) => a[1].localeCompare(b[1]));
}

/** @returns {[string, string][]} */
export function LANGUAGES() {
  return TONGUES.map((code) => [code, new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code]);
}

/** @returns {[string, string][]} */
export function zones() {
  const all = Intl.supportedValuesOf("timeZone");
  const own = guessZone();
  return [...new Set([own, "UTC", ...all])].map((zone) => [zone, zone.replaceAll("_", " ")]);
}

export function guessZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

export function guessLanguage() {
  const wanted = navigator.languages.map((tag) => tag.split("-")[0]);
  return wanted.find((tag) => TONGUES.includes(tag)) ?? "en";
}

/** The country of the browser's language, unless the clock says otherwise. */
export function guessCountry() {
  for (const tag of navigator.languages) {
    const region = new Intl.Locale(tag).region;
    if (region && CODES.includes(region)) return region;
  }
  const likely = new Intl.Locale(guessLanguage()).maximize().region;
  return likely && CODES.includes(likely) ? likely : "US";
}
