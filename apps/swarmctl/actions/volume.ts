import {
  CreateVolumeRequest,
  ListVolumesRequest,
  RemoveVolumeRequest,
  UpdateVolumeRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Volume } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  VolumeSpec,
  VolumeSpec_VolumeAvailability as Availability,
} from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  VolumeAccessMode_Scope as Scope,
  VolumeAccessMode_Sharing as Sharing,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { eachOf } from '../each-of.js';
import { findSecret, findVolume } from '../find.js';
import { fields, labelText } from '../output/fields.js';
import { jsonOf } from '../output/json.js';
import { sentence, volumeAvailability, volumeScope, volumeSharing } from '../output/names.js';
import { sizeText } from '../output/size.js';
import { table } from '../output/table.js';
import type { Session } from '../session.js';
import { bytes, oneOf, pairs, unreadable } from '../spec/units.js';
import { retryOutOfSequence } from './sequence.js';

export interface VolumeFlags {
  readonly driver: string;
  readonly opt?: readonly string[];
  readonly label?: readonly string[];
  readonly group?: string;
  readonly type: string;
  readonly scope: string;
  readonly sharing: string;
  readonly availability: string;
  readonly secret?: readonly string[];
  readonly requiredBytes?: string;
  readonly limitBytes?: string;
  readonly topologyRequired?: readonly string[];
  readonly topologyPreferred?: readonly string[];
}

const scopes = { single: Scope.SINGLE_NODE, multi: Scope.MULTI_NODE } as const;
const sharings = {
  none: Sharing.NONE,
  readonly: Sharing.READ_ONLY,
  onewriter: Sharing.ONE_WRITER,
  all: Sharing.ALL,
} as const;
const availabilities = {
  active: Availability.ACTIVE,
  pause: Availability.PAUSE,
  drain: Availability.DRAIN,
} as const;
const types = { block: 'block', mount: 'mount' } as const;

export async function createVolume(
  session: Session,
  name: string,
  flags: VolumeFlags,
): Promise<void> {
  const { requiredBytes, limitBytes, topologyRequired, topologyPreferred } = flags;
  const secrets: { key: string; secret: string }[] = [];
  for (const text of flags.secret ?? []) {
    const [key = '', word = ''] = text.split(':');
    if (key === '' || word === '') throw unreadable('--secret', text, 'write key:secret');
    secrets.push({ key, secret: (await findSecret(session.control, word)).id });
  }
  const segments = (flag: string, texts: readonly string[] = []) =>
    texts.map((text) => ({ segments: pairs(flag, text.split(',')) }));
  const { volume } = await session.control.createVolume(
    CreateVolumeRequest.fromPartial({
      spec: {
        annotations: { name, labels: pairs('--label', flags.label ?? []) },
        group: flags.group ?? '',
        driver: { name: flags.driver, options: pairs('--opt', flags.opt ?? []) },
        accessMode: {
          scope: oneOf('--scope', scopes, flags.scope),
          sharing: oneOf('--sharing', sharings, flags.sharing),
          accessType: { $case: oneOf('--type', types, flags.type), value: {} },
        },
        secrets,
        availability: oneOf('--availability', availabilities, flags.availability),
        ...((topologyRequired ?? topologyPreferred) !== undefined && {
          AccessibilityRequirements: {
            requisite: segments('--topology-required', topologyRequired),
            preferred: segments('--topology-preferred', topologyPreferred),
          },
        }),
        ...((requiredBytes ?? limitBytes) !== undefined && {
          capacityRange: {
            requiredBytes: bytes('--required-bytes', requiredBytes ?? '0'),
            limitBytes: bytes('--limit-bytes', limitBytes ?? '0'),
          },
        }),
      },
    }),
  );
  if (volume === undefined) return;
  if (session.json) session.sayJson(jsonOf('volume', volume));
  else session.say(volume.id);
}

export async function listVolumes(
  session: Session,
  { quiet }: { readonly quiet?: boolean },
): Promise<void> {
  const answer = await session.control.listVolumes(ListVolumesRequest.create());
  const volumes = [...answer.volumes].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (session.json) session.sayJson(volumes.map((one) => jsonOf('volume', one)));
  else if (quiet) for (const { id } of volumes) session.say(id);
  else
    session.say(
      table(
        ['ID', 'NAME', 'GROUP', 'DRIVER', 'AVAILABILITY', 'STATE'],
        volumes.map((one) => [
          one.id,
          nameOf(one),
          one.spec?.group ?? '',
          one.spec?.driver?.name ?? '',
          sentence(volumeAvailability(one.spec?.availability)),
          stateOf(one),
        ]),
      ),
    );
}

export async function inspectVolume(session: Session, word: string): Promise<void> {
  const volume = await findVolume(session.control, word);
  if (session.json) return session.sayJson(jsonOf('volume', volume));
  const { spec, publishStatus } = volume;
  const capacity = volume.volumeInfo?.capacityBytes ?? 0n;
  session.say(
    fields([
      ['ID', volume.id],
      ['Name', nameOf(volume)],
      ['Group', spec?.group ?? ''],
      ['Driver', spec?.driver?.name ?? ''],
      ['Options', labelText(spec?.driver?.options)],
      ['Labels', labelText(spec?.annotations?.labels)],
      ['Scope', sentence(volumeScope(spec?.accessMode?.scope))],
      ['Sharing', sentence(volumeSharing(spec?.accessMode?.sharing))],
      ['Availability', sentence(volumeAvailability(spec?.availability))],
      ['State', stateOf(volume)],
      ['Size', capacity > 0n ? sizeText(capacity) : ''],
      ['Nodes', publishStatus.map(({ nodeId }) => nodeId).join(', ')],
    ]),
  );
}

export function updateVolumes(
  session: Session,
  words: readonly string[],
  flags: { readonly availability: string },
): Promise<void> {
  const availability = oneOf('--availability', availabilities, flags.availability);
  return eachOf(words, async (word) => {
    await retryOutOfSequence(async () => {
      const { id, meta, spec } = await findVolume(session.control, word);
      await session.control.updateVolume(
        UpdateVolumeRequest.create({
          volumeId: id,
          volumeVersion: meta?.version,
          spec: { ...(spec ?? VolumeSpec.create()), availability },
        }),
      );
    });
    session.say(word);
  });
}

export const removeVolumes = (
  session: Session,
  words: readonly string[],
  { force }: { readonly force?: boolean },
): Promise<void> =>
  eachOf(words, async (word) => {
    const { id } = await findVolume(session.control, word);
    await session.control.removeVolume(
      RemoveVolumeRequest.create({ volumeId: id, force: force === true }),
    );
    session.say(word);
  });

const nameOf = (volume: Volume): string => volume.spec?.annotations?.name ?? '';

function stateOf({ pendingDelete, publishStatus, volumeInfo }: Volume): string {
  if (pendingDelete) return 'Being deleted';
  if ((volumeInfo?.volumeId ?? '') === '') return 'Not made yet';
  return publishStatus.length > 0 ? `In use on ${publishStatus.length}` : 'Made';
}
