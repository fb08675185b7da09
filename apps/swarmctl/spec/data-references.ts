import type {
  ConfigReference,
  FileTarget,
  SecretReference,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { pair, unreadable } from './units.js';

/** `--secret` and `--config`: `name`, or `source=name,target=file,uid=0,gid=0,mode=0444`. */
export interface DataFlag {
  /** What people call the secret or config. */
  readonly source: string;
  readonly target: FileTarget;
}

const aliases: Readonly<Record<string, string>> = { src: 'source' };
const known = ['source', 'target', 'uid', 'gid', 'mode'];

export function dataFlag(flag: string, text: string): DataFlag {
  const given = new Map<string, string>();
  if (!/[,=]/.test(text)) given.set('source', text);
  else
    for (const part of text.split(',')) {
      const [written, value] = pair(part);
      const key = aliases[written.toLowerCase()] ?? written.toLowerCase();
      if (!known.includes(key)) throw unreadable(flag, part, `known are ${known.join(', ')}`);
      given.set(key, value);
    }
  const source = given.get('source') ?? '';
  if (source === '') throw unreadable(flag, text, 'it needs a source');
  const mode = given.get('mode') ?? '0444';
  if (!/^[0-7]{1,4}$/.test(mode))
    throw unreadable(flag, text, 'write permission bits in octal, like 0440');
  return {
    source,
    target: {
      name: given.get('target') || source,
      uid: given.get('uid') ?? '0',
      gid: given.get('gid') ?? '0',
      mode: Number.parseInt(mode, 8),
    },
  };
}

/** An object that a word on the command line means. */
export interface Meant {
  readonly id: string;
  readonly name: string;
}
/** By what is written. */
export type Meanings = ReadonlyMap<string, Meant>;

interface Given {
  readonly set: readonly string[] | undefined;
  readonly add: readonly string[] | undefined;
  /** Names or ids. */
  readonly rm: readonly string[] | undefined;
}

/** A new reference takes the place of one with the same file. */
export function applySecrets(
  before: readonly SecretReference[],
  { set, add, rm }: Given,
  meanings: Meanings,
): readonly SecretReference[] {
  const made =
    (flag: string) =>
    (text: string): SecretReference => {
      const { source, target } = dataFlag(flag, text);
      const { id, name } = meant(meanings, source);
      return { secretId: id, secretName: name, target: { $case: 'file', value: target } };
    };
  const base = set === undefined ? before : set.map(made('--secret'));
  const gone = new Set(rm);
  const added = (add ?? []).map(made('--secret-add'));
  const files = new Set(added.map(fileOf));
  return [
    ...base.filter(
      (one) => !gone.has(one.secretName) && !gone.has(one.secretId) && !files.has(fileOf(one)),
    ),
    ...added,
  ];
}

export function applyConfigs(
  before: readonly ConfigReference[],
  { set, add, rm }: Given,
  meanings: Meanings,
): readonly ConfigReference[] {
  const made =
    (flag: string) =>
    (text: string): ConfigReference => {
      const { source, target } = dataFlag(flag, text);
      const { id, name } = meant(meanings, source);
      return { configId: id, configName: name, target: { $case: 'file', value: target } };
    };
  const base = set === undefined ? before : set.map(made('--config'));
  const gone = new Set(rm);
  const added = (add ?? []).map(made('--config-add'));
  const files = new Set(added.map(fileOf));
  return [
    ...base.filter(
      (one) => !gone.has(one.configName) && !gone.has(one.configId) && !files.has(fileOf(one)),
    ),
    ...added,
  ];
}

const meant = (meanings: Meanings, source: string): Meant =>
  meanings.get(source) ?? { id: source, name: source };

/** Undefined for one that is no file; such ones never stand in each other's way. */
const fileOf = ({ target }: SecretReference | ConfigReference): string | symbol =>
  target?.$case === 'file' ? target.value.name : Symbol('no file');
