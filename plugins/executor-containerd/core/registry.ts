/** The words of registries: where they are, how they ask for credentials, what a task carries of those. */
import type { ImageReference } from './image-reference.js';

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  /** An OAuth2 refresh token. */
  readonly identityToken?: string;
  /** A bearer token, used as it is. */
  readonly registryToken?: string;
}

/**
 * From ContainerSpec.pullOptions.registryAuth, which is base64 (either alphabet) of JSON. Undefined for
 * '' and for what cannot be read: the pull is then anonymous, as Docker's.
 */
export function decodeCredentials(encoded: string): Credentials | undefined {
  if (encoded === '') return undefined;
  try {
    const text = atob(encoded.replaceAll('-', '+').replaceAll('_', '/'));
    const raw = JSON.parse(decodeUtf8(text)) as Readonly<Record<string, unknown>>;
    const pair = typeof raw.auth === 'string' && raw.auth !== '' ? decodeUtf8(atob(raw.auth)) : '';
    const colon = pair.indexOf(':');
    const string = (value: unknown, fallback = ''): string =>
      typeof value === 'string' && value !== '' ? value : fallback;
    const found = {
      username: string(raw.username, pair.slice(0, Math.max(colon, 0))),
      password: string(raw.password, colon < 0 ? '' : pair.slice(colon + 1)),
      identityToken: string(raw.identitytoken),
      registryToken: string(raw.registrytoken),
    };
    const given = Object.entries(found).filter(([, value]) => value !== '');
    return given.length === 0 ? undefined : Object.fromEntries(given);
  } catch {
    return undefined;
  }
}

const decodeUtf8 = (binary: string): string =>
  new TextDecoder().decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));

/** Plain http only to this machine itself. */
export function registryBase(domain: string): string {
  if (domain === 'docker.io') return 'https://registry-1.docker.io';
  const host = domain.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const isLoopback = host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
  return `${isLoopback ? 'http' : 'https'}://${domain}`;
}

export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

/** The first challenge of a WWW-Authenticate header that we can meet. */
export function parseChallenge(header: string): Challenge | undefined {
  const match = /^\s*(basic|bearer)\b\s*(.*)$/i.exec(header);
  if (match === null) return undefined;
  const parameters: Record<string, string> = {};
  for (const [, key = '', quoted, bare] of (match[2] ?? '').matchAll(
    /([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]*))/gi,
  ))
    parameters[key.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
  return { scheme: match[1]?.toLowerCase() === 'basic' ? 'basic' : 'bearer', parameters };
}

/** As a person would write it: without docker.io/ and library/, with the tag. */
export function familiarName(reference: ImageReference): string {
  const path =
    reference.domain === 'docker.io'
      ? reference.path.replace(/^library\//, '')
      : `${reference.domain}/${reference.path}`;
  if (reference.digest !== undefined) return `${path}@${reference.digest}`;
  return `${path}:${reference.tag ?? 'latest'}`;
}
