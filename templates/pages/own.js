// The browser's time zone as the default of the form; everything works without it.
const zone = document.getElementById("timezone");
if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
