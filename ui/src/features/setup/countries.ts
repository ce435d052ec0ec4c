/** What a country suggests to a new gym. A suggestion only: zone and currency can be changed on the next page. */
export interface Country {
  /** ISO 3166 alpha-2. */
  code: string;
  /** ISO 4217; one this product sells in. */
  currency: string;
  zone: string | null;
}

const TABLE = `
AD EUR Europe/Andorra|AE AED Asia/Dubai|AF USD Asia/Kabul|AL EUR Europe/Tirane|AM USD Asia/Yerevan|AO USD Africa/Luanda
AR USD America/Argentina/Buenos_Aires|AT EUR Europe/Vienna|AU AUD Australia/Sydney|AZ USD Asia/Baku|BA EUR Europe/Sarajevo
BB USD America/Barbados|BD BDT Asia/Dhaka|BE EUR Europe/Brussels|BF XOF Africa/Ouagadougou|BG EUR Europe/Sofia|BH BHD Asia/Bahrain
BI USD Africa/Bujumbura|BJ XOF Africa/Porto-Novo|BN SGD Asia/Brunei|BO USD America/La_Paz|BR BRL America/Sao_Paulo|BS USD America/Nassau
BT INR Asia/Thimphu|BW USD Africa/Gaborone|BY USD Europe/Minsk|BZ USD America/Belize|CA CAD America/Toronto|CD USD Africa/Kinshasa
CF XAF Africa/Bangui|CG XAF Africa/Brazzaville|CH CHF Europe/Zurich|CI XOF Africa/Abidjan|CL CLP America/Santiago|CM XAF Africa/Douala
CN CNY Asia/Shanghai|CO USD America/Bogota|CR USD America/Costa_Rica|CU USD America/Havana|CV EUR Atlantic/Cape_Verde|CY EUR Asia/Nicosia
CZ CZK Europe/Prague|DE EUR Europe/Berlin|DJ DJF Africa/Djibouti|DK DKK Europe/Copenhagen|DO USD America/Santo_Domingo|DZ DZD Africa/Algiers
EC USD America/Guayaquil|EE EUR Europe/Tallinn|EG EGP Africa/Cairo|ER USD Africa/Asmara|ES EUR Europe/Madrid|ET ETB Africa/Addis_Ababa
FI EUR Europe/Helsinki|FJ USD Pacific/Fiji|FR EUR Europe/Paris|GA XAF Africa/Libreville|GB GBP Europe/London|GE USD Asia/Tbilisi
GH GHS Africa/Accra|GM USD Africa/Banjul|GN GNF Africa/Conakry|GQ XAF Africa/Malabo|GR EUR Europe/Athens|GT USD America/Guatemala
GW XOF Africa/Bissau|GY USD America/Guyana|HK HKD Asia/Hong_Kong|HN USD America/Tegucigalpa|HR EUR Europe/Zagreb|HT USD America/Port-au-Prince
HU HUF Europe/Budapest|ID IDR Asia/Jakarta|IE EUR Europe/Dublin|IL ILS Asia/Jerusalem|IN INR Asia/Kolkata|IQ IQD Asia/Baghdad
IR USD Asia/Tehran|IS ISK Atlantic/Reykjavik|IT EUR Europe/Rome|JM USD America/Jamaica|JO JOD Asia/Amman|JP JPY Asia/Tokyo
KE KES Africa/Nairobi|KG USD Asia/Bishkek|KH USD Asia/Phnom_Penh|KM KMF Indian/Comoro|KR KRW Asia/Seoul|KW KWD Asia/Kuwait
KZ USD Asia/Almaty|LA USD Asia/Vientiane|LB LBP Asia/Beirut|LI CHF Europe/Vaduz|LK LKR Asia/Colombo|LR USD Africa/Monrovia
LS ZAR Africa/Maseru|LT EUR Europe/Vilnius|LU EUR Europe/Luxembourg|LV EUR Europe/Riga|LY LYD Africa/Tripoli|MA MAD Africa/Casablanca
MC EUR Europe/Monaco|MD EUR Europe/Chisinau|ME EUR Europe/Podgorica|MG USD Indian/Antananarivo|MK EUR Europe/Skopje|ML XOF Africa/Bamako
MM USD Asia/Yangon|MN USD Asia/Ulaanbaatar|MR USD Africa/Nouakchott|MT EUR Europe/Malta|MU MUR Indian/Mauritius|MV USD Indian/Maldives
MW USD Africa/Blantyre|MX MXN America/Mexico_City|MY MYR Asia/Kuala_Lumpur|MZ USD Africa/Maputo|NA ZAR Africa/Windhoek|NE XOF Africa/Niamey
NG NGN Africa/Lagos|NI USD America/Managua|NL EUR Europe/Amsterdam|NO NOK Europe/Oslo|NP NPR Asia/Kathmandu|NZ NZD Pacific/Auckland
OM OMR Asia/Muscat|PA USD America/Panama|PE PEN America/Lima|PG USD Pacific/Port_Moresby|PH PHP Asia/Manila|PK PKR Asia/Karachi
PL PLN Europe/Warsaw|PR USD America/Puerto_Rico|PS ILS Asia/Hebron|PT EUR Europe/Lisbon|PY PYG America/Asuncion|QA QAR Asia/Qatar
RO RON Europe/Bucharest|RS RSD Europe/Belgrade|RU USD Europe/Moscow|RW RWF Africa/Kigali|SA SAR Asia/Riyadh|SC USD Indian/Mahe
SD SDG Africa/Khartoum|SE SEK Europe/Stockholm|SG SGD Asia/Singapore|SI EUR Europe/Ljubljana|SK EUR Europe/Bratislava|SL USD Africa/Freetown
SM EUR Europe/San_Marino|SN XOF Africa/Dakar|SO USD Africa/Mogadishu|SR USD America/Paramaribo|SS USD Africa/Juba|SV USD America/El_Salvador
SY SYP Asia/Damascus|SZ ZAR Africa/Mbabane|TD XAF Africa/Ndjamena|TG XOF Africa/Lome|TH THB Asia/Bangkok|TJ USD Asia/Dushanbe
TM USD Asia/Ashgabat|TN TND Africa/Tunis|TR TRY Europe/Istanbul|TT USD America/Port_of_Spain|TW TWD Asia/Taipei|TZ TZS Africa/Dar_es_Salaam
UA UAH Europe/Kyiv|UG UGX Africa/Kampala|US USD America/New_York|UY USD America/Montevideo|UZ USD Asia/Tashkent|VE USD America/Caracas
VN VND Asia/Ho_Chi_Minh|VU VUV Pacific/Efate|YE YER Asia/Aden|ZA ZAR Africa/Johannesburg|ZM ZMW Africa/Lusaka|ZW USD Africa/Harare`;

export const countries: readonly Country[] = TABLE.trim()
  .split(/[|\n]/)
  .map((entry) => {
    const [code = "", currency = "", zone = null] = entry.split(" ");
    return { code, currency, zone };
  });

/** What this product sells in (ISO 4217), in alphabetical order. */
export const currencies: readonly string[] = [
  ...new Set(["JPY", "XPF", ...countries.map((country) => country.currency)]),
].sort();

export function countryOf(code: string): Country | undefined {
  return countries.find((country) => country.code === code);
}

/** The likely country: of the machine's zone, else of the language's region. */
export function guessCountry(zone: string, languages: readonly string[]): string {
  const here = countries.find((country) => country.zone === zone);
  if (here) return here.code;
  for (const tag of languages) {
    const region = regionOf(tag);
    if (region && countryOf(region)) return region;
  }
  return "";
}

/** A window of a system without a language calls it "c", which is no language tag. */
function regionOf(tag: string): string | undefined {
  try {
    return new Intl.Locale(tag).region;
  } catch {
    return undefined;
  }
}

/** The zone to start with: the machine's own where it says something, else the country's first. */
export function guessZone(machine: string, country: string): string {
  const plain = machine === "" || machine === "UTC" || machine.startsWith("Etc/");
  return plain ? (countryOf(country)?.zone ?? "UTC") : machine;
}

/** All zones of this machine, with UTC, which `Intl` leaves out. */
export function allZones(): string[] {
  const known = Intl.supportedValuesOf("timeZone");
  return known.includes("UTC") ? known : [...known, "UTC"];
}
