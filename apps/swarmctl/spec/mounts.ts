import {
  Mount,
  Mount_BindOptions_Propagation,
  Mount_Type,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { bytes, oneOf, usage } from './units.js';

const types = {
  bind: Mount_Type.BIND,
  volume: Mount_Type.VOLUME,
  tmpfs: Mount_Type.TMPFS,
} as const;

/** Docker's `--mount`: `type=bind,source=/data,target=/data,readonly`. */
export function mount(flag: string, text: string): Mount {
  let type: Mount_Type = Mount_Type.VOLUME;
  let source = '';
  let target = '';
  let readonly = false;
  let tmpfsSize: bigint | undefined;
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const key = (at < 0 ? part : part.slice(0, at)).toLowerCase();
    const value = at < 0 ? '' : part.slice(at + 1);
    if (key === 'type') type = oneOf(`${flag} type`, types, value);
    else if (key === 'source' || key === 'src') source = value;
    else if (key === 'target' || key === 'destination' || key === 'dst') target = value;
    else if (key === 'readonly' || key === 'ro')
      readonly = value === '' || value === 'true' || value === '1';
    else if (key === 'tmpfs-size') tmpfsSize = bytes(`${flag} tmpfs-size`, value);
    else
      throw usage(
        `${flag} has ${JSON.stringify(part)}; known are type, source, target, readonly and tmpfs-size`,
      );
  }
  if (target === '') throw usage(`${flag} is ${JSON.stringify(text)}; it needs a target`);
  return Mount.fromPartial({
    type,
    source,
    target,
    readonly,
    bindOptions:
      type === Mount_Type.BIND
        ? { propagation: Mount_BindOptions_Propagation.RPRIVATE }
        : undefined,
    tmpfsOptions: tmpfsSize === undefined ? undefined : { sizeBytes: tmpfsSize },
  });
}

/** SwarmKit's short forms: `--bind /host:/container[:ro]` and `--volume name:/container[:ro]`. */
export function shortMount(flag: string, type: 'bind' | 'volume', text: string): Mount {
  const [source, target, mode, ...rest] = text.split(':');
  if (
    !source ||
    !target ||
    rest.length > 0 ||
    (mode !== undefined && mode !== 'ro' && mode !== 'rw')
  )
    throw usage(`${flag} is ${JSON.stringify(text)}; write source:target or source:target:ro`);
  return mount(
    flag,
    `type=${type},source=${source},target=${target}${mode === 'ro' ? ',readonly' : ''}`,
  );
}
