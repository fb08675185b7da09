/**
 * The grammar of image references: `[domain/]path[:tag][@digest]`, as registries and engines read it.
 * The first part of the name is a domain when it looks like one: a dot, a colon, an upper-case letter, or
 * `localhost`.
 */
export function isImageReference(reference: string): boolean {
  // 64 hex digits would be taken for an image id.
  if (/^[a-f0-9]{64}$/.test(reference)) return false;
  const at = reference.indexOf('@');
  if (at >= 0 && !isDigest(reference.slice(at + 1))) return false;
  const tagged = at < 0 ? reference : reference.slice(0, at);
  const colon = tagged.lastIndexOf(':');
  const hasTag = colon > tagged.lastIndexOf('/');
  if (hasTag && !/^\w[\w.-]{0,127}$/.test(tagged.slice(colon + 1))) return false;
  return isRepository(hasTag ? tagged.slice(0, colon) : tagged);
}

/** Longest name of a repository, domain included. */
const maxNameLength = 255;

function isRepository(name: string): boolean {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasDomain =
    first.includes('.') || first.includes(':') || first === 'localhost' || /[A-Z]/.test(first);
  if (hasDomain && !isDomain(first)) return false;
  const path = hasDomain ? name.slice(slash + 1) : name;
  const full = hasDomain ? name : `docker.io/${slash < 0 ? 'library/' : ''}${name}`;
  return full.length <= maxNameLength && path.split('/').every(isPathPart);
}

const isPathPart = (part: string): boolean => /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/.test(part);

function isDomain(domain: string): boolean {
  const [, host = ''] = /^(.*?)(?::[0-9]+)?$/.exec(domain) ?? [];
  if (/^\[[a-fA-F0-9:]+\]$/.test(host)) return true;
  return host.split('.').every((part) => /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/.test(part));
}

const isDigest = (digest: string): boolean =>
  /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/.test(digest);
