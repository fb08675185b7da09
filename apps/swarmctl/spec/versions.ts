/**
 * A named pointer to versions of a secret or config. The data of one never changes, so a new one is made
 * beside it: `key`, then `key.v2`, `key.v3`. All but perhaps the first carry the pointer's name and their
 * number as labels; the highest number is what the pointer means.
 */
import type { Config, Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

export const POINTER_LABEL = 'swarmkit.rotation.pointer';
const VERSION_LABEL = 'swarmkit.rotation.version';

type Versioned = Secret | Config;

const labelsOf = ({ spec }: Versioned): Readonly<Record<string, string>> =>
  spec?.annotations?.labels ?? {};

/** What it was called at first: of one that was never rotated, its own name. */
export const pointerOf = (object: Versioned): string =>
  labelsOf(object)[POINTER_LABEL] ?? object.spec?.annotations?.name ?? '';

/** One that carries no number is the first. */
export function versionOf(object: Versioned): number {
  const text = labelsOf(object)[VERSION_LABEL] ?? '1';
  return /^\d{1,9}$/.test(text) ? Number(text) : 1;
}

export const byVersion = (a: Versioned, b: Versioned): number => versionOf(a) - versionOf(b);

/** Name and labels of the version after `newest`; other labels go on. */
export function nextVersion(newest: Versioned): {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
} {
  const pointer = pointerOf(newest);
  const version = versionOf(newest) + 1;
  const suffix = `.v${version}`;
  return {
    // Names end after 64 letters. What is cut off is told by the label.
    name: `${pointer.slice(0, 64 - suffix.length)}${suffix}`,
    labels: { ...labelsOf(newest), [POINTER_LABEL]: pointer, [VERSION_LABEL]: String(version) },
  };
}
