// What screens share: reporting faults, buttons that wait for an answer, and looking again while things move.
import { call, config } from './api.js';
import { backoff, webURL } from './problem.js';
import { clearErrors, credits, el, showError } from './view.js';

/** Shows a fault; a session that is over goes to signing in, and a lack of credits to the way to buy some. */
export async function report(fault) {
    if (fault.status === 401) return window.dispatchEvent(new Event('session-over'));
    if (fault.status === undefined) {
        console.error(fault); // Not an answer but a mistake of this page.
        return showError('Something went wrong here.');
    }
    showError(fault.message);
    if (fault.status !== 402) return;
    const { packs } = await config().catch(() => ({ packs: [] }));
    if (packs.length) showError(fault.message, el('div', { className: 'actions' }, ...buyButtons(packs)));
}

export function buyButtons(packs) {
    return packs.map((pack) => {
        const button = el('button', { type: 'button', data: { pack: pack.id } }, `Buy ${credits(pack.credits)}`);
        onClick(button, async () => {
            location.assign(webURL((await call('POST', '/checkout', { pack: pack.id })).url));
        });
        return button;
    });
}

/** Runs the action when clicked, never twice at once. The button stays enabled: disabling it would lose the focus. */
export function onClick(button, action) {
    button.addEventListener('click', async () => {
        if (button.ariaBusy === 'true') return;
        button.ariaBusy = 'true';
        try { await action(); } catch (fault) { report(fault); } finally { button.ariaBusy = 'false'; }
    });
}

/** Goes to a screen, also to the one that is shown already. */
export function go(hash) {
    if (location.hash === hash) window.dispatchEvent(new Event('hashchange'));
    else location.hash = hash;
}

let nudged = 0;
for (const name of ['online', 'look-again']) window.addEventListener(name, () => { nudged = Date.now(); });

/** Sleeps, and as long as the tab is hidden; the end of the screen and a nudge wake it. */
function sleep(ms, signal) {
    const since = Date.now();
    return new Promise((done) => {
        const timer = setInterval(() => {
            const over = !document.hidden && (Date.now() - since >= ms || nudged > since);
            if (!over && !signal.aborted) return;
            clearInterval(timer);
            done();
        }, 250);
    });
}

/** Calls `look` again and again: it answers how many milliseconds to wait, or nothing when all is at rest. */
export async function poll(signal, look) {
    let faults = 0;
    while (!signal.aborted) {
        let wait;
        try {
            wait = await look();
            if (faults) clearErrors();
            faults = 0;
        } catch (fault) {
            if (signal.aborted) return;
            if (!fault.passes) throw fault;
            if (!faults) showError(`${fault.message} Trying again …`);
            wait = backoff(faults, fault);
            faults += 1;
        }
        if (!wait) return;
        await sleep(wait, signal);
    }
}
