console.log("replaced in a moment");
