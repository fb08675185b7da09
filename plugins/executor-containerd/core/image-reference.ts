/**
 * Image references in Docker's short form (`busybox`, `me/app:1.2`, `localhost:5000/x@sha256:…`) and
 * in full. The grammar is that of the distribution project; the short form stands for docker.io,
 * library/ and latest.
 */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export interface ImageReference {
  /** Registry host with port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** Repository within the registry: `library/busybox`. */
  readonly path: string;
  /** `latest` when neither tag nor digest was given; undefined beside a digest without tag. */
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** The name that the image is kept under: domain/path:tag, or domain/path@digest when there is one. */
  readonly name: string;
}

const DEFAULT_DOMAIN = 'docker.io';
const domainPattern = (() => {
  const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
  return new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
})();
const pathPattern = (() => {
  const part = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
  return new RegExp(`^${part}(?:/${part})*$`);
})();
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** Throws SwarmError `"<text>" is not a valid repository/tag`. */
export function parseImageReference(text: string): ImageReference {
  const [named, digest] = cut(text, text.indexOf('@'));
  // A colon after the last slash begins the tag; one before it belongs to the registry's port.
  const colon = named.lastIndexOf(':');
  const [repository, tag] = cut(named, colon > named.lastIndexOf('/') ? colon : -1);
  const { domain, path } = splitDomain(repository);
  const valid =
    domainPattern.test(domain) &&
    pathPattern.test(path) &&
    domain.length + 1 + path.length <= 255 &&
    (tag === undefined || tagPattern.test(tag)) &&
    (digest === undefined || digestPattern.test(digest)) &&
    // 64 hexadecimal digits are an image id in Docker's tools, never a name.
    !/^[a-f0-9]{64}$/.test(repository);
  if (!valid)
    throw new SwarmError(
      'invalid-argument',
      'CONTAINERD_IMAGE_REFERENCE',
      `"${text}" is not a valid repository/tag`,
    );
  const name = `${domain}/${path}`;
  if (digest !== undefined) return { domain, path, tag, digest, name: `${name}@${digest}` };
  const known = tag ?? 'latest';
  return { domain, path, tag: known, digest: undefined, name: `${name}:${known}` };
}

function splitDomain(repository: string): { domain: string; path: string } {
  const slash = repository.indexOf('/');
  const first = repository.slice(0, Math.max(slash, 0));
  // `me/app` has no registry, `me.org/app`, `me:80/app`, `localhost/app` and `Me/app` have one.
  const isDomain =
    slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  let domain = isDomain ? first : DEFAULT_DOMAIN;
  if (domain === 'index.docker.io') domain = DEFAULT_DOMAIN;
  const path = isDomain ? repository.slice(slash + 1) : repository;
  return {
    domain,
    path: domain === DEFAULT_DOMAIN && !path.includes('/') ? `library/${path}` : path,
  };
}

/** Around the character at `at`; nothing to cut when it is negative. */
const cut = (text: string, at: number): [string, string | undefined] =>
  at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
