/**
 * Labels of a service by which it asks for what SwarmKit has no field for. Spans are written as Go and
 * Docker write them: `90s`, `1m30s`, `500ms`.
 */
import type { Annotations } from '../wire/gen/swarmkit/types.js';

/** A new task of an update that is not running after this span pauses the update. None: it may take for ever, as in SwarmKit. */
export const PROGRESS_DEADLINE_LABEL = 'swarmkit.update.progress-deadline';
/** How long a task that is to stop is left alone, without new connections, before it gets its signal. */
export const DRAIN_DELAY_LABEL = 'swarmkit.stop.drain-delay';
/** `off`: tasks that keep failing are replaced after the restart delay alone, as in SwarmKit. */
export const RESTART_BACKOFF_LABEL = 'swarmkit.restart.backoff';

/** What stands there and is not understood counts as absent: the API refuses it, so it comes from elsewhere. */
export function spanLabel(annotations: Annotations | undefined, label: string): number | undefined {
  const text = labelOf(annotations, label);
  return text === undefined ? undefined : parseSpan(text);
}

export const backsOff = (annotations: Annotations | undefined): boolean =>
  labelOf(annotations, RESTART_BACKOFF_LABEL) !== 'off';

/** What is wrong with the labels above, in a sentence. */
export function labelProblem(annotations: Annotations | undefined): string | undefined {
  for (const label of [PROGRESS_DEADLINE_LABEL, DRAIN_DELAY_LABEL]) {
    const text = labelOf(annotations, label);
    if (text !== undefined && parseSpan(text) === undefined)
      return `label ${label}: "${text}" is no time span such as 90s, 1m30s or 500ms`;
  }
  const backoff = labelOf(annotations, RESTART_BACKOFF_LABEL);
  return backoff === undefined || backoff === 'off' || backoff === 'on'
    ? undefined
    : `label ${RESTART_BACKOFF_LABEL}: "${backoff}" is neither on nor off`;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** Far beyond any use, and far below where milliseconds lose their precision. */
const longestMs = 1e13;

function parseSpan(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    ms += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  return ms <= longestMs ? Math.round(ms) : undefined;
}

function labelOf(annotations: Annotations | undefined, label: string): string | undefined {
  const labels = annotations?.labels;
  return labels !== undefined && Object.hasOwn(labels, label) ? labels[label] : undefined;
}
