import { durationFromMs } from '@swarmkit/sdk/model/time';
import {
  type UpdateConfig,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { ServiceFlags } from './service-flags.js';
import { count, duration, oneOf, unreadable } from './units.js';

const actions = {
  pause: UpdateConfig_FailureAction.PAUSE,
  continue: UpdateConfig_FailureAction.CONTINUE,
  rollback: UpdateConfig_FailureAction.ROLLBACK,
} as const;
/** A rollback is not rolled back. */
const rollbackActions = { pause: actions.pause, continue: actions.continue } as const;
const orders = {
  'stop-first': UpdateConfig_UpdateOrder.STOP_FIRST,
  'start-first': UpdateConfig_UpdateOrder.START_FIRST,
} as const;

/** `--update-*` or `--rollback-*`; undefined stays undefined when none is given. */
export function applyUpdateConfig(
  kind: 'update' | 'rollback',
  before: UpdateConfig | undefined,
  flags: ServiceFlags,
): UpdateConfig | undefined {
  const { parallelism, delay, monitor, action, ratio, order } =
    kind === 'update'
      ? {
          parallelism: flags.updateParallelism,
          delay: flags.updateDelay,
          monitor: flags.updateMonitor,
          action: flags.updateFailureAction,
          ratio: flags.updateMaxFailureRatio,
          order: flags.updateOrder,
        }
      : {
          parallelism: flags.rollbackParallelism,
          delay: flags.rollbackDelay,
          monitor: flags.rollbackMonitor,
          action: flags.rollbackFailureAction,
          ratio: flags.rollbackMaxFailureRatio,
          order: flags.rollbackOrder,
        };
  if ((parallelism ?? delay ?? monitor ?? action ?? ratio ?? order) === undefined) return before;
  return {
    ...(before ?? defaults),
    ...(parallelism !== undefined && { parallelism: count(`--${kind}-parallelism`, parallelism) }),
    ...(delay !== undefined && { delay: duration(`--${kind}-delay`, delay) }),
    ...(monitor !== undefined && { monitor: duration(`--${kind}-monitor`, monitor) }),
    ...(action !== undefined && {
      failureAction: oneOf(
        `--${kind}-failure-action`,
        kind === 'update' ? actions : rollbackActions,
        action,
      ),
    }),
    ...(ratio !== undefined && {
      maxFailureRatio: fraction(`--${kind}-max-failure-ratio`, ratio),
    }),
    ...(order !== undefined && { order: oneOf(`--${kind}-order`, orders, order) }),
  };
}

/** What the manager assumes where nothing is said; written out once something is. */
const defaults: UpdateConfig = {
  parallelism: 1n,
  delay: durationFromMs(0),
  failureAction: UpdateConfig_FailureAction.PAUSE,
  monitor: durationFromMs(5_000),
  maxFailureRatio: 0,
  order: UpdateConfig_UpdateOrder.STOP_FIRST,
};

function fraction(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw unreadable(flag, text, 'write a number from 0 to 1');
  return value;
}
