/** The rules of a password and whether what is typed keeps each of them; the server decides with the same ones. */
export function passwordRules(password: string): { long: boolean; upper: boolean; digit: boolean } {
  return {
    long: [...password].length >= 8,
    upper: /\p{Lu}/u.test(password),
    digit: /\p{Nd}/u.test(password),
  };
}

export function goodPassword(password: string): boolean {
  return Object.values(passwordRules(password)).every(Boolean);
}

/** 4 to 8 digits. */
export function goodPin(pin: string): boolean {
  return /^\d{4,8}$/.test(pin);
}
