/** Arabic-Indic, extended Arabic-Indic and Devanagari digits as 0-9, and the Arabic decimal signs as "." */
export function latinDigits(text: string): string {
  return text
    .replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x0660))
    .replace(/[۰-۹]/g, (digit) => String(digit.charCodeAt(0) - 0x06f0))
    .replace(/[०-९]/g, (digit) => String(digit.charCodeAt(0) - 0x0966))
    .replace(/٫/g, ".")
    .replace(/٬/g, ",");
}
