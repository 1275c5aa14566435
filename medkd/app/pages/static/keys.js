// Keys, links and the browser's history. Pages are shown by one command, written into a hidden field: "case 12", "list", "model".
(() => {
  "use strict";
  const find = (selector) => document.querySelector(selector);
  const visible = (element) => element && element.offsetParent !== null;

  // A number behind the command, so that the same one can be given twice.
  let said = 0;
  const say = (command) => {
    const field = find("#say textarea, #say input");
    if (!field) return;
    field.value = `${command};${++said}`;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const commandOf = (url) => {
    const query = new URL(url, location.href).searchParams;
    for (const word of ["case", "settle"]) if (query.has(word)) return `${word} ${query.get(word)}`;
    return query.get("view") || "list";
  };

  const follow = (link) => {
    if (!link) return;
    if (link.href !== location.href) history.pushState(null, "", link.href);
    say(commandOf(link.href));
  };

  window.addEventListener("popstate", () => say(commandOf(location.href)));

  // A saved verdict opens the next case by itself: the address follows, so that a reload stays there.
  const pursue = () => {
    const title = find("[id^=at-case-]");
    const number = title && title.id.slice("at-case-".length);
    if (visible(title) && new URLSearchParams(location.search).has("case") && arrived !== number) {
      if (arrived !== null && commandOf(location.href) === `case ${arrived}`) history.pushState(null, "", `?case=${number}`);
      arrived = number;
    }
  };
  let arrived = null;
  new MutationObserver(pursue).observe(document.body, { childList: true, subtree: true });

  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    const button = event.target.closest("button.say");
    if (button) return say(button.value);
    const link = event.target.closest("a.say") || (event.target.closest("tr.row") && event.target.closest("tr.row").querySelector("a.say"));
    if (!link) return;
    event.preventDefault();
    follow(link);
  });

  const press = (selector) => {
    const button = find(selector);
    if (!visible(button) || button.disabled) return false;
    button.click();
    return true;
  };

  const choose = (group, place) => {
    const options = find(group) ? find(group).querySelectorAll("input[type=radio]") : [];
    if (!options[place] || !visible(find(group))) return false;
    options[place].click();
    return true;
  };

  // Yes, no and unsure answer the question that has the focus, else the first one that is not answered yet, else the only one.
  const answer = (place) => {
    const groups = [...document.querySelectorAll(".answer")].filter(visible);
    const group = groups.find((one) => one.contains(document.activeElement)) || groups.find((one) => !one.querySelector("input:checked")) || groups[0];
    const options = group ? group.querySelectorAll("input[type=radio]") : [];
    if (!options.length) return false;
    options[place < 0 ? options.length - 1 : Math.min(place, options.length - 1)].click();
    return true;
  };

  const step = (by) => {
    const link = find(by > 0 ? "a.next" : "a.previous");
    if (visible(link)) return follow(link);
    const rows = [...document.querySelectorAll("tr.row a.say")].filter(visible);
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    const to = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  };

  const search = () => {
    const field = find("#search input, #search textarea");
    if (visible(field)) field.focus();
    else follow(find("a.to-list"));
  };

  const send = () => press("#give-reading") || press("#give-verdict") || press("#give-final");

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    "/": search,
    l: () => follow(find("a.to-list")),
    m: () => follow(find("a.to-model")),
    y: () => answer(0),
    n: () => answer(1),
    a: () => choose("#agreement", 0),
    d: () => choose("#agreement", 1),
    u: () => answer(-1) || choose("#agreement", 2),
    c: () => visible(find("#comment textarea")) && find("#comment textarea").focus(),
    Enter: send,
  };
  for (let digit = 1; digit <= 9; digit++) keys[digit] = () => answer(digit - 1);

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    const writing = target.matches("textarea, select, [contenteditable], input:not([type=radio]):not([type=checkbox])");
    if (event.key === "Escape") return target.blur();
    if (event.key === "Enter" && event.ctrlKey) return void (event.preventDefault(), send());
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && target.matches("a, button, summary")) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // Figures are drawn on the server for the window that they are looked at in.
  const measure = () => (document.cookie = `width=${Math.round(window.innerWidth)}; path=${new URL(".", location.href).pathname}; SameSite=Strict`);
  window.addEventListener("resize", measure);
  measure();

  // An expired session answers 401: the reader is asked to log in again instead of being told of an error.
  const fetched = window.fetch;
  window.fetch = async (...given) => {
    const answer = await fetched(...given);
    if (answer.status === 401) location.assign("login");
    return answer;
  };

  // Paper is white: figures are drawn for it, so the browser's wish for a dark page is not followed.
  const lighten = () => document.body.classList.contains("dark") && document.body.classList.remove("dark");
  new MutationObserver(lighten).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  lighten();
})();
