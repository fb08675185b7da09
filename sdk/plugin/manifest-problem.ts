/**
 * The other half of definePlugin: is this value a manifest at all? Types end at the border of a package
 * that somebody else compiled, so a host asks here before it trusts a field, and a vendor's own test can.
 */

/** The lists of a manifest, and whether they list extension points or contracts with one provider. */
const lists = {
  requires: false,
  optional: false,
  provides: false,
  contributes: true,
  accepts: true,
} as const;
const functions = ['register', 'start', 'stop'] as const;
const policies: readonly unknown[] = [undefined, 'restart', 'degrade', 'stop-node'];

/** What is wrong, in half a sentence (`version must be like 1.2.3`); undefined when nothing is. */
export function manifestProblem(value: unknown): string | undefined {
  if (!isRecord(value)) return 'it is not an object made by definePlugin';
  const { id = '', version, scope, policy, config = {}, ...rest } = value;
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(String(id)))
    return 'id must be words of a-z, 0-9 and -';
  if (!/^\d+\.\d+\.\d+/.test(String(version))) return 'version must be like 1.2.3';
  if (typeof scope !== 'string') return 'scope must be the name of a scope';
  if (!policies.includes(policy)) return 'policy must be restart, degrade or stop-node';
  if (!isRecord(config)) return 'config must be a JSON schema';
  for (const [name, many] of Object.entries(lists)) {
    const { [name]: tokens = [] } = rest;
    if (!Array.isArray(tokens) || !tokens.every(isToken)) return `${name} must be a list of tokens`;
    const wrong = tokens.find((token) => token.many !== many);
    const is = many ? 'has one provider' : 'is an extension point';
    if (wrong !== undefined) return `${name} lists ${wrong.id}, which ${is}`;
  }
  for (const name of functions)
    if (rest[name] !== undefined && typeof rest[name] !== 'function')
      return `${name} must be a function`;
  const known: readonly string[] = [...Object.keys(lists), ...functions];
  const unknown = Object.keys(rest).find((key) => !known.includes(key));
  return unknown === undefined ? undefined : `${unknown} is not known`;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isToken = (value: unknown): value is { readonly id: string; readonly many: boolean } =>
  isRecord(value) &&
  typeof value.id === 'string' &&
  value.key === Symbol.for(value.id) &&
  typeof value.many === 'boolean';
