import { reconcilerProperties } from '@swarmkit/sdk/testkit/reconciler-properties';
import { reaperStage } from '../plugin.js';

reconcilerProperties('reaper', () => reaperStage);
