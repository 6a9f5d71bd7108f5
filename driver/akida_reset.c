// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that loses the chip's state and brings it back: failed work, RESET, suspend,
 * function-level reset (sysfs), errors on the link. One reset for all; around those that take the
 * chip away, a pause: the running submit stops between two frames, keeps what it has and its place,
 * and goes on afterwards, as programs and frames live in our memory. Resets that somebody asked for
 * end all work before that.
 */
#include <linux/kobject.h>
#include <linux/pm.h>
#include "akida_dev.h"
#include "akida_trace.h"

static const char *const akida_reasons[] = {
	[AKIDA_FAULT] = "fault",
	[AKIDA_REQUEST] = "request",
	[AKIDA_RESUME] = "resume",
	[AKIDA_FUNCTION] = "function",
	[AKIDA_SLOT] = "slot",
};

static void akida_announce(struct akida_device *adev, enum akida_reason why, int err)
{
	char reason[32], generation[32], result[32];
	char *env[] = { reason, generation, result, NULL };

	snprintf(reason, sizeof(reason), "AKIDA_RESET=%s", akida_reasons[why]);
	snprintf(generation, sizeof(generation), "AKIDA_GENERATION=%u", adev->core.generation);
	snprintf(result, sizeof(result), "AKIDA_ERROR=%d", err);
	kobject_uevent_env(&adev->dev.kobj, KOBJ_CHANGE, env);
}

static void akida_forget_program(struct akida_device *adev)
{
	akida_program_put(adev->loaded);
	adev->loaded = NULL;
}

/*
 * With core_lock held. The mesh is empty and a new generation has begun, whatever is returned. When
 * the chip does not come back it is taken off the bus: no DMA into memory that others get.
 */
int akida_reset_device(struct akida_device *adev, enum akida_reason why)
{
	int err;

	lockdep_assert_held(&adev->core_lock);
	akida_forget_program(adev);
	if (why <= AKIDA_REQUEST && !adev->down && !akc_alive(&adev->core)) {
		err = akc_reset(&adev->core);
	} else if (pci_device_is_present(adev->pdev)) {
		pci_set_master(adev->pdev);
		err = akc_resume(&adev->core);
	} else {
		err = akc_reset(&adev->core); /* the generation; it knows that the chip is gone */
		err = err ? err : -EIO;
	}
	adev->down = err;
	if (err) {
		dev_warn_ratelimited(&adev->dev, "reset (%s) failed: %d\n", akida_reasons[why],
				     err);
		pci_clear_master(adev->pdev);
	} else {
		akida_msi_update(adev);
		akida_clock_restore(adev);
	}
	akida_counters(adev);
	spin_lock(&adev->queue_lock);
	adev->resets++;
	spin_unlock(&adev->queue_lock);
	trace_akida_reset(adev->minor, why, adev->core.generation, err);
	akida_announce(adev, why, err);
	return err;
}

/* No work starts; returns when the chip has none. May be nested. */
void akida_pause(struct akida_device *adev)
{
	spin_lock(&adev->queue_lock);
	adev->paused++;
	spin_unlock(&adev->queue_lock);
	mutex_lock(&adev->core_lock); /* the worker gives it after its present frames */
	mutex_unlock(&adev->core_lock);
}

static void akida_continue(struct akida_device *adev)
{
	spin_lock(&adev->queue_lock);
	adev->paused--;
	spin_unlock(&adev->queue_lock);
	wake_up(&adev->work_wait);
}

/* The mesh empty, no interrupt on its way. Nobody else uses the chip. */
void akida_quiesce(struct akida_device *adev)
{
	mutex_lock(&adev->core_lock);
	if (!adev->down) {
		if (adev->loaded)
			akc_unload(&adev->core);
		akc_dma_set_msi(&adev->core, 0, 0);
	}
	adev->msi_addr = 0;
	adev->msi_data = 0;
	akida_forget_program(adev);
	mutex_unlock(&adev->core_lock);
}

static int akida_bring_back(struct akida_device *adev, enum akida_reason why)
{
	int err;

	mutex_lock(&adev->core_lock);
	err = akida_reset_device(adev, why);
	mutex_unlock(&adev->core_lock);
	akida_continue(adev);
	return err;
}

/* ---- suspend and hibernation: the PCI core saves and restores configuration space ---- */

static int akida_suspend(struct device *dev)
{
	struct akida_device *adev = dev_get_drvdata(dev);

	akida_pause(adev);
	akida_quiesce(adev);
	return 0;
}

/* A card that did not come back fails its own work; the system resumes. */
static int akida_resume(struct device *dev)
{
	akida_bring_back(dev_get_drvdata(dev), AKIDA_RESUME);
	return 0;
}

const struct dev_pm_ops akida_pm = { SYSTEM_SLEEP_PM_OPS(akida_suspend, akida_resume) };

/* ---- function-level and bus resets: sysfs `reset`, or the worker's last resort ---- */

static void akida_reset_prepare(struct pci_dev *pdev)
{
	struct akida_device *adev = pci_get_drvdata(pdev);

	if (current != adev->worker)
		akida_cancel_older(adev, U32_MAX, -ENODEV);
	akida_pause(adev);
	akida_quiesce(adev);
}

static void akida_reset_done(struct pci_dev *pdev)
{
	akida_bring_back(pci_get_drvdata(pdev), AKIDA_FUNCTION);
}

/* ---- errors on the link (AER, DPC) ---- */

static pci_ers_result_t akida_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct akida_device *adev = pci_get_drvdata(pdev);

	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	/* Registers read all ones now; what runs ends with -EIO. */
	akida_pause(adev);
	mutex_lock(&adev->core_lock);
	adev->down = true;
	mutex_unlock(&adev->core_lock);
	akida_quiesce(adev);
	/*
	 * When the recovery fails nobody tells us: no work waits for it. New work meets a chip that
	 * is down, and fails, until slot_reset.
	 */
	akida_cancel_older(adev, U32_MAX, -ENODEV);
	akida_continue(adev);
	return state == pci_channel_io_frozen ? PCI_ERS_RESULT_NEED_RESET
					      : PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t akida_slot_reset(struct pci_dev *pdev)
{
	struct akida_device *adev = pci_get_drvdata(pdev);

	akida_pause(adev);
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return akida_bring_back(adev, AKIDA_SLOT) ? PCI_ERS_RESULT_DISCONNECT
						  : PCI_ERS_RESULT_RECOVERED;
}

const struct pci_error_handlers akida_err_handlers = {
	.error_detected = akida_error_detected,
	.slot_reset = akida_slot_reset,
	.reset_prepare = akida_reset_prepare,
	.reset_done = akida_reset_done,
};
