import type { SchedulerFilter } from '../../contracts/scheduling.js';
import type { Platform } from '../../wire/gen/swarmkit/types.js';
import { onNodes } from './on-nodes.js';

/** The image runs on one of the listed platforms; an empty os or architecture means any. */
export const platformFilter: SchedulerFilter = {
  id: 'platform',
  order: 500,
  nodeOnly: true,
  applies: (task) => (task.spec?.placement?.platforms.length ?? 0) > 0,
  passes(task, { node }) {
    const has = node.description?.platform;
    return (
      has !== undefined &&
      (task.spec?.placement?.platforms ?? []).some((wanted) => matches(wanted, has))
    );
  },
  explain: (nodes) => `unsupported platform ${onNodes(nodes)}`,
};

const matches = (wanted: Platform, has: Platform): boolean =>
  (wanted.os === '' || wanted.os === has.os) &&
  (wanted.architecture === '' || normal(wanted.architecture) === normal(has.architecture));

/** uname's names, folded onto the ones of image indexes. */
function normal(architecture: string): string {
  if (architecture === 'x86_64') return 'amd64';
  if (architecture === 'aarch64') return 'arm64';
  return architecture;
}
