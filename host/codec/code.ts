let allowed: boolean | undefined;

/** May code be made from strings here? A content security policy can forbid it. */
export function codeAllowed(): boolean {
  if (allowed === undefined) {
    try {
      allowed = new Function('return true')() === true;
    } catch {
      allowed = false;
    }
  }
  return allowed;
}
