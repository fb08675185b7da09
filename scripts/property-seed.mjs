// Loaded before each test file: property tests draw from one seed, so that a run is the same on every
// machine and a failure is one for everybody. PROPERTY_SEED=N takes another, PROPERTY_SEED=random a new one.
import fc from 'fast-check';

const wanted = process.env.PROPERTY_SEED ?? '1';
if (wanted !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted) });
