import assert from 'node:assert/strict';
import test from 'node:test';
import { Annotations } from '../../wire/gen/swarmkit/types.js';
import {
  backsOff,
  DRAIN_DELAY_LABEL,
  labelProblem,
  PROGRESS_DEADLINE_LABEL,
  RESTART_BACKOFF_LABEL,
  spanLabel,
} from '../service-label.js';

const labelled = (label: string, value: string) =>
  Annotations.fromPartial({ name: 'x', labels: { [label]: value } });
const span = (text: string) => spanLabel(labelled(DRAIN_DELAY_LABEL, text), DRAIN_DELAY_LABEL);

test('spans as Go writes them', () => {
  assert.equal(span('0s'), 0);
  assert.equal(span('500ms'), 500);
  assert.equal(span('1m30s'), 90_000);
  assert.equal(span('1.5h'), 5_400_000);
  for (const bad of ['', '5', '-5s', '5 s', 's', '1d', '99999999999h'])
    assert.equal(span(bad), undefined, bad);
  assert.equal(spanLabel(undefined, DRAIN_DELAY_LABEL), undefined);
  assert.equal(spanLabel(Annotations.fromPartial({}), 'constructor'), undefined);
});

test('what is wrong with a label is told', () => {
  assert.equal(labelProblem(undefined), undefined);
  assert.equal(labelProblem(labelled(PROGRESS_DEADLINE_LABEL, '10m')), undefined);
  assert.match(
    labelProblem(labelled(PROGRESS_DEADLINE_LABEL, 'soon')) ?? '',
    /"soon" is no time span/,
  );
  assert.match(labelProblem(labelled(DRAIN_DELAY_LABEL, '1')) ?? '', /stop.drain-delay/);
  assert.equal(labelProblem(labelled(RESTART_BACKOFF_LABEL, 'on')), undefined);
  assert.match(labelProblem(labelled(RESTART_BACKOFF_LABEL, 'no')) ?? '', /neither on nor off/);
});

test('backing off is on unless it is switched off', () => {
  assert.equal(backsOff(undefined), true);
  assert.equal(backsOff(labelled(RESTART_BACKOFF_LABEL, 'off')), false);
});
