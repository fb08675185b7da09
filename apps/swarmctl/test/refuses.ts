import assert from 'node:assert/strict';

/** The call is refused as a mistake on the command line, in a sentence that has these words. */
export function refuses(call: () => unknown, words: string): void {
  assert.throws(call, (error: Error & { readonly code?: string }) => {
    assert.equal(error.code, 'CTL_USAGE', String(error.stack));
    assert.ok(error.message.includes(words), `${error.message}\ndoes not say: ${words}`);
    return true;
  });
}
