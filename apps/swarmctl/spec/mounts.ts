import {
  Mount,
  Mount_BindOptions_Propagation as Propagation,
  Mount_Type,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { bytes, oneOf, pair, unreadable } from './units.js';

/** Mounts, in Docker's form and in SwarmKit's short ones. */

const types = {
  bind: Mount_Type.BIND,
  volume: Mount_Type.VOLUME,
  tmpfs: Mount_Type.TMPFS,
} as const;

const propagations = {
  rprivate: Propagation.RPRIVATE,
  private: Propagation.PRIVATE,
  rshared: Propagation.RSHARED,
  shared: Propagation.SHARED,
  rslave: Propagation.RSLAVE,
  slave: Propagation.SLAVE,
} as const;

const aliases: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
};
const known = [
  'type',
  'source',
  'target',
  'readonly',
  'bind-propagation',
  'tmpfs-size',
  'tmpfs-mode',
];

/** Docker's `--mount`: `type=bind,source=/data,target=/data,readonly`. A volume unless it says else. */
export function mount(flag: string, text: string): Mount {
  const given = new Map<string, string>();
  for (const part of text.split(',')) {
    const [written, value] = pair(part);
    const key = aliases[written.toLowerCase()] ?? written.toLowerCase();
    if (!known.includes(key)) throw unreadable(flag, part, `known are ${known.join(', ')}`);
    given.set(key, value);
  }
  const type = oneOf(`${flag} type`, types, given.get('type') ?? 'volume');
  const target = given.get('target') ?? '';
  const source = given.get('source') ?? '';
  if (target === '') throw unreadable(flag, text, 'it needs a target');
  if (type === Mount_Type.BIND && source === '')
    throw unreadable(flag, text, 'a bind mount needs a source');
  if (type === Mount_Type.TMPFS && source !== '')
    throw unreadable(flag, text, 'a tmpfs mount has no source');
  const only = (key: string, wanted: Mount_Type): string | undefined => {
    const value = given.get(key);
    if (value !== undefined && type !== wanted)
      throw unreadable(flag, text, `${key} is of other mounts than this`);
    return value;
  };
  const propagation = only('bind-propagation', Mount_Type.BIND) ?? 'rprivate';
  const size = only('tmpfs-size', Mount_Type.TMPFS);
  const mode = only('tmpfs-mode', Mount_Type.TMPFS);
  return Mount.fromPartial({
    type,
    source,
    target,
    readonly: flagValue(given.get('readonly')),
    ...(type === Mount_Type.BIND && {
      bindOptions: { propagation: oneOf(`${flag} bind-propagation`, propagations, propagation) },
    }),
    ...((size ?? mode) !== undefined && {
      tmpfsOptions: {
        sizeBytes: size === undefined ? 0n : bytes(`${flag} tmpfs-size`, size),
        mode: mode === undefined ? 0 : octal(`${flag} tmpfs-mode`, mode),
      },
    }),
  });
}

/** `readonly`, `readonly=true`, `readonly=1`. */
const flagValue = (text: string | undefined): boolean =>
  text !== undefined && ['', 'true', '1'].includes(text);

function octal(flag: string, text: string): number {
  if (!/^[0-7]{1,4}$/.test(text))
    throw unreadable(flag, text, 'write permission bits in octal, like 1777');
  return Number.parseInt(text, 8);
}

/** SwarmKit's short forms: `--bind /host:/container[:ro]` and `--volume name:/container[:ro]`. */
export function shortMount(flag: string, type: 'bind' | 'volume', text: string): Mount {
  const match = /^([^:]+):([^:]+)(?::(ro|rw))?$/.exec(text);
  if (match === null) throw unreadable(flag, text, 'write source:target or source:target:ro');
  const [, source, target, mode] = match;
  return mount(
    flag,
    `type=${type},source=${source},target=${target}${mode === 'ro' ? ',readonly' : ''}`,
  );
}

/** SwarmKit's `--tmpfs /run[:size=64m,mode=1777,ro]`. */
export function shortTmpfs(flag: string, text: string): Mount {
  const at = text.indexOf(':');
  const target = at < 0 ? text : text.slice(0, at);
  const words = at < 0 ? [] : text.slice(at + 1).split(',');
  const options = words
    .filter((word) => word !== 'rw')
    .map((word) => `,${word === 'ro' ? 'readonly' : `tmpfs-${word}`}`);
  return mount(flag, `type=tmpfs,target=${target}${options.join('')}`);
}
