/**
 * A contract's name with its type attached. Tokens meet by `Symbol.for(id)`, so a plugin that carries
 * its own copy of this SDK still meets ours at the same key. A breaking change of a contract is a new
 * id (`…v2`) beside the old one, never a changed `…v1`.
 */
export interface Token<T> {
  /** `swarmkit.<contract>.v<n>` for ours, `<vendor>.<contract>.v<n>` for others. */
  readonly id: string;
  readonly key: symbol;
  /** `false`: exactly one provider. `true`: an extension point with any number of contributions. */
  readonly many: boolean;
  /** Carries the type only; never present at run time. */
  readonly __type?: T;
}

/** A contract with exactly one provider in a scope (or in a scope around it). */
export const token = <T>(id: string): Token<T> => ({ id, key: Symbol.for(id), many: false });

/** A contract with any number of contributions, read as a list in the order of plugin ids. */
export const extensionPoint = <T>(id: string): Token<T> => ({
  id,
  key: Symbol.for(id),
  many: true,
});
