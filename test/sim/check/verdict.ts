/** Where checkers say that a promise was broken. The first sentence ends the run. */
export class Verdict {
  readonly broken: { readonly checker: string; readonly sentence: string }[] = [];

  get isBroken(): boolean {
    return this.broken.length > 0;
  }

  /** Says so when the promise does not hold. */
  holds(promise: boolean, checker: string, sentence: () => string): void {
    if (!promise) this.broken.push({ checker, sentence: sentence() });
  }

  blame(checker: string, sentence: string): void {
    this.broken.push({ checker, sentence });
  }
}
